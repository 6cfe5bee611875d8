"""The statements that a connection has the server plan once, and not each time.

A payment's life consists of them. Their plan depends on no value and on no table's size, since they
find each row by its key; planning is half of what they cost. Lists are planned each time: which
index serves them depends on what is asked for.
"""

from __future__ import annotations

from paymentapp.storage.postgresql import sql, sql_accept_many

PREPARED = frozenset(
    {
        *(sql.READ_FOR_PAYMENT, sql.ACCEPT, sql.ACCEPT_WITH_NEW_KEY, sql.ACCEPT_WITH_KEY_AGAIN),
        *(sql_accept_many.READ, sql_accept_many.ACCEPT_MANY),
        *(sql.GET_PAYMENT, sql.GET_RECORD, sql.ADD_RECORD, sql.ADD_RECORD_WITH_EVENTS),
        *(sql.CHANGE_RECORD, sql.CHANGE_RECORD_WITH_EVENTS, sql.HOLD_LEASE, sql.PUT_RECORDS),
        *(sql.GET_CUSTOMER, sql.ADD_CUSTOMER, sql.CHANGE_CUSTOMER, sql.BOUNDED),
    }
)
