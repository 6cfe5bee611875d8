// Pay Ada by a client that is typed by what openapi-typescript has generated, `schema.ts`.
// `test_generated_clients.py` puts it beside this file, has tsc check both, and runs them.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Payment = components["schemas"]["Payment"];
type Order = components["schemas"]["PaymentOrder"];

const WAIT = 60_000; // milliseconds for a payment to settle
const client = createClient<paths>({ baseUrl: process.argv[2]! });
const order: Order = {
  customer_id: "typescript",
  email: "typescript@example.com",
  amount: 12.5,
  currency: "USD",
}; // no payment_method: it is optional

function expect(met: boolean, what: unknown): asserts met {
  if (!met) throw new Error(JSON.stringify(what));
}

async function putMethods(): Promise<void> {
  const methods = {
    ach: {
      holder: "Ada Lovelace",
      routing_number: "021000021",
      account_number: "000123456789",
      account_type: "checking",
    },
    stripe: { account: "acct_1032D82eZvKYlo2C" },
    paypal: { email: "typescript@example.com" },
  } satisfies Record<string, components["schemas"]["NewMethod"]["details"]>;
  for (const [method, details] of Object.entries(methods)) {
    const path = { customer_id: "typescript", method };
    const { data, error } = await client.PUT(
      "/v1/api/customer/{customer_id}/payment-methods/{method}",
      { params: { path }, body: { details } },
    );
    expect(data?.payment_method === method, error);
  }
}

/** Request a payment twice, and return the one payment. */
async function paid(key: string, body: Order): Promise<Payment> {
  const options = { params: { header: { "Idempotency-Key": key } }, body };
  const first = await client.POST("/v1/api/payment", options);
  const again = await client.POST("/v1/api/payment", options);
  expect(first.data !== undefined, first.error);
  expect(again.data?.payment_id === first.data.payment_id, again.error);
  expect(again.response.headers.get("Idempotent-Replayed") === "true", again.data);
  return first.data;
}

async function settled(payment: Payment, method: string): Promise<void> {
  const end = Date.now() + WAIT;
  const { customer_id, payment_id } = payment;
  while (payment.status !== "succeeded") {
    expect(Date.now() < end, payment);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const shown = await client.GET("/v1/api/payment/{customer_id}/{payment_id}", {
      params: { path: { customer_id, payment_id } },
    });
    expect(shown.data !== undefined, shown.error);
    payment = shown.data;
  }
  expect(payment.payment_method === method, payment);
}

async function checkErrors(): Promise<void> {
  const header = { "Idempotency-Key": "key-3" };
  const reused = await client.POST("/v1/api/payment", {
    params: { header },
    body: { ...order, amount: 13 },
  });
  expect(reused.error?.type === "/problems/idempotency-key-reused", reused);
  const invalid = await client.POST("/v1/api/payment", { body: { ...order, amount: 0 } });
  expect(invalid.error?.errors?.[0]?.pointer === "/amount", invalid);
  // @ts-expect-error: a body without an amount is no order
  const missing = await client.POST("/v1/api/payment", { body: { ...order, amount: undefined } });
  expect(missing.error?.status === 400, missing);
}

async function checkListing(): Promise<void> {
  const path = { customer_id: "typescript" };
  const query = { from: new Date(Date.now() - 3_600_000).toISOString() };
  const page = await client.GET("/v1/api/payment/{customer_id}", { params: { path, query } });
  const amounts = page.data?.payments.map((payment) => payment.amount).sort((a, b) => a - b);
  expect(JSON.stringify(amounts) === "[7.25,12.5]", page);
}

/** Pay two more by one request in CSV, and report them. */
async function checkBulk(): Promise<void> {
  const file = "customer_id,email,amount,currency\n" + "typescript,typescript@example.com,3,USD\n".repeat(2);
  const asked = await client.POST("/v1/api/bulk", {
    params: { query: { mode: "each" }, header: { "Idempotency-Key": "run-2" } },
    headers: { "Content-Type": "text/csv" },
    body: file,
    bodySerializer: (body) => body,
  });
  expect(asked.data !== undefined, asked.error);
  const path = { bulk_id: asked.data.bulk_id };
  const end = Date.now() + WAIT;
  let run = asked.data;
  while (run.status !== "completed") {
    expect(Date.now() < end, run);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const shown = await client.GET("/v1/api/bulk/{bulk_id}", { params: { path } });
    expect(shown.data !== undefined, shown.error);
    run = shown.data;
  }
  expect(run.accepted + run.rejected === 2, run);
  const rows = await client.GET("/v1/api/bulk/{bulk_id}/rows", { params: { path } });
  expect(rows.data?.rows.length === 2, rows);
  const query = { bulk_id: run.bulk_id };
  const summary = await client.GET("/v1/api/reports/summary", { params: { query } });
  expect(summary.data?.payments === run.accepted, summary);
  const report = await client.GET("/v1/api/reports/payments", { params: { query }, parseAs: "text" });
  expect(report.data?.startsWith("customer_id,payment_id,") === true, report);
}

const registered = await client.POST("/v1/api/customer", {
  body: { customer_id: "typescript", email: "typescript@example.com" },
});
expect(registered.data?.customer_id === "typescript", registered.error);
await putMethods();
await settled(await paid("key-3", order), "paypal");
const texts = { reference: "invoice-1007", description: "For June", metadata: { team: "b" } };
const byStripe: Order = { ...order, ...texts, amount: 7.25, payment_method: "stripe" };
const described = await paid("key-4", byStripe);
expect(described.reference === texts.reference, described);
expect(described.metadata["team"] === "b", described);
await settled(described, "stripe");
await checkErrors();
await checkListing();
await checkBulk();
