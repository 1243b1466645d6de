//! Keys and tokens: HMAC, bearer, JWT, key rings, passwords. Pure: no I/O, no actix, no diesel.
