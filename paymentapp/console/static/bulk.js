// A file that is too large is refused before it is sent: browsers often show no answer to a form
// that the server stops reading. The server refuses it as well.
document.querySelectorAll("input[type=file][data-max-bytes]").forEach((input) => {
  input.addEventListener("change", () => {
    const file = input.files[0];
    const large = file && file.size > Number(input.dataset.maxBytes);
    input.setCustomValidity(large ? "This file is larger than 32 MB: split it into several." : "");
    input.reportValidity();
  });
});
