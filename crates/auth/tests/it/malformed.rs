//! What senders put into the header in place of 64 hex digits.

use auth::malformed::Shape;

#[test]
fn each_mistake_is_told_from_the_others() {
    let hex = "0f".repeat(32);
    let line = |name: &str| format!("{name}(stdin)= {hex}");
    let base64 = "q".repeat(42) + "g=";
    for (header, word) in [
        ("", "empty"),
        (" \t", "empty"),
        ("sha256=", "empty"),
        (&hex[1..], "wrong_length"),
        (&format!("{hex}0"), "wrong_length"),
        (&format!("SHA256={hex}{hex}"), "wrong_length"),
        (&line("SHA2-256"), "openssl_line"),
        (&line("HMAC-SHA2-256"), "openssl_line"),
        (&base64, "base64"),
        (&format!("sha256={base64}"), "base64"),
        (&format!("sha1={}", &hex[..40]), "other_scheme"),
        (&format!("v1,{base64}"), "other_scheme"),
        (&format!("t=1760000000,v1={hex}"), "other_scheme"),
        (&hex.replacen('0', "g", 1), "no_hex"),
        ("\u{e9}", "no_hex"),
    ] {
        let shape = Shape::of(&[header.as_bytes()]);
        assert_eq!(shape.as_str(), word, "{header}");
        assert!(!shape.to_string().contains("0f0f"), "nothing of the header is repeated");
    }
    assert_eq!(Shape::of(&[b"a", b"a"]).as_str(), "repeated_header");
    assert_eq!(
        Shape::of(&[&hex.as_bytes()[1..]]).to_string(),
        "The signature has 63 hex digits: an HMAC-SHA256 has 64."
    );
}
