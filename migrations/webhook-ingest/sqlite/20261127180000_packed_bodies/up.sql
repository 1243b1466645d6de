-- A body takes half of the room it took. The service packs it; the first byte says how, and '0' is not packed: so stays what was there.
update inbox set body = cast(x'30' || body as blob);
