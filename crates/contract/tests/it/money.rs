//! Amounts and currencies.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use contract::json::Json;
use contract::money::{Amount, AmountError, BadCurrency, Currency, Sum};
use proptest::prelude::*;

fn number(text: &str, currency: &str) -> Result<String, AmountError> {
    let currency = Currency::from_str(currency).ok();
    Amount::read(&Json::Number(text.into()), currency.as_ref()).map(|amount| amount.to_string())
}

fn string(text: &str) -> Result<String, AmountError> {
    let currency = Currency::from_str("USD").ok();
    Amount::read(&Json::String(text.into()), currency.as_ref()).map(|amount| amount.to_string())
}

#[test]
fn decimal_strings_are_exact_and_written_plainly() {
    let cases = [
        ("1000.50", "1000.5"),
        (" 7 ", "7"),
        ("+7.0", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("-0.10", "-0.1"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("0000000000000000000000000000001", "1"),
        ("1.0000000000000000000000000000", "1"),
        ("0e999999999999999999999999", "0"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("99999999999999999999", "99999999999999999999"),
    ];
    for (text, expected) in cases {
        assert_eq!(string(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_number_is_not_guessed_at() {
    for text in [
        "", " ", ".", "-", "+-1", "1,000", "1 000", "1_000", "NaN", "Infinity", "0x10", "1e", "1e+", "e5",
        "1.2.3", "10€", "１２",
    ] {
        assert_eq!(string(text), Err(AmountError::NotANumber), "{text:?}");
    }
    for json in
        [Json::Null, Json::Bool(true), Json::Array(vec![Json::Number("1".into())]), Json::Object(Vec::new())]
    {
        assert_eq!(Amount::read(&json, None), Err(AmountError::NotANumber), "{json:?}");
    }
}

#[test]
fn what_is_too_large_or_too_fine_is_out_of_range_without_being_expanded() {
    let forty = "1234567890123456789012345678901234567890";
    let fine = format!("0.{}", "1".repeat(40));
    let endless = "7".repeat(200_000);
    for text in [
        "1e309",
        "1e20",
        "-1e20",
        "100000000000000000000",
        "1e-19",
        "1e-400",
        forty,
        &fine,
        &endless,
        "1e999999999999",
        "1e-999999999999",
        "1e99999999999999999999",
        "1e-99999999999999999999",
    ] {
        assert_eq!(string(text), Err(AmountError::OutOfRange), "{text:.50}");
        assert_eq!(number(text, "USD"), Err(AmountError::OutOfRange), "{text:.50}");
    }
}

#[test]
fn float_noise_is_taken_off_json_numbers() {
    let cases = [
        ("0.30000000000000004", "USD", "0.3"),
        ("0.7999999999999999", "usd", "0.8"),
        ("1234.5600000000001", "EUR", "1234.56"),
        ("100000.00000000001", "JPY", "100000"),
        ("0.12300000000000001", "KWD", "0.123"),
        ("0.12345678000000001", "BTC", "0.12345678"),
        ("100.09999999999999431565811391919851303100585937500000", "USD", "100.1"),
        ("0.1000000000000000055511151231257827021181583404541015625", "USD", "0.1"),
        ("0.07000000000000000666", "USD", "0.07"),
        ("-45.099999999999994", "USD", "-45.1"),
        ("2.675", "USD", "2.675"),
        ("0.30000000000000004", "", "0.3"),
        ("0.12345678000000001", "", "0.12345678"),
        ("12345678.120000001", "", "12345678.12"),
        ("1234.5600000000001", "NOPE", "1234.56"),
        ("99999999999.990005", "", "99999999999.99"),
    ];
    for (text, currency, expected) in cases {
        assert_eq!(number(text, currency).as_deref(), Ok(expected), "{text} {currency}");
    }
}

#[test]
fn what_is_not_noise_is_exact() {
    let cases = [
        ("1e-7", "USD", "0.0000001"),
        ("1e-7", "", "0.0000001"),
        ("12345678901234567890.123456789012345678", "USD", "12345678901234567890.123456789012345678"),
        ("12345678901234567890.123456789012345678", "BTC", "12345678901234567890.123456789012345678"),
        ("12345678901234567890.123456789012345678", "", "12345678901234567890.123456789012345678"),
        ("0.123456789", "BTC", "0.123456789"),
        ("0.123456789012345678", "ETH", "0.123456789012345678"),
        ("0.5", "JPY", "0.5"),
        ("0.001", "USD", "0.001"),
        ("1000000.01", "JPY", "1000000.01"),
        // Of 15 digits or fewer: nobody knows that these are no amounts.
        ("12345678.123", "", "12345678.123"),
        ("12345678.123", "NOPE", "12345678.123"),
        ("5000000.00123456", "", "5000000.00123456"),
        ("123456789012.123", "", "123456789012.123"),
        ("12345678.123", "KWD", "12345678.123"),
        ("5000000.00123456", "BTC", "5000000.00123456"),
    ];
    for (text, currency, expected) in cases {
        assert_eq!(number(text, currency).as_deref(), Ok(expected), "{text} {currency}");
    }
}

#[test]
fn noise_ends_at_one_part_in_a_thousand_million() {
    assert_eq!(number("1.000000001", "USD").as_deref(), Ok("1"));
    assert_eq!(number("1.0000000011", "USD").as_deref(), Ok("1.0000000011"));
    assert_eq!(number("0.999999999", "USD").as_deref(), Ok("1"));
    assert_eq!(number("0.9999999989", "USD").as_deref(), Ok("0.9999999989"));
}

#[test]
fn equal_amounts_are_one_whatever_their_text() {
    let amounts = ["1000.50", "1000.5", "1.0005e3"].map(|text| text.parse::<Amount>().unwrap());
    assert!(amounts.iter().all(|amount| *amount == amounts[0] && amount.to_string() == "1000.5"));
    assert!("2".parse::<Amount>().unwrap() < "10".parse().unwrap());
    assert!("0.01".parse::<Amount>().unwrap().is_positive());
    assert!(!"0".parse::<Amount>().unwrap().is_positive());
    assert!(!"-1".parse::<Amount>().unwrap().is_positive());
}

#[test]
fn databases_give_amounts_back() {
    let amount = |text: &str| Amount::from_decimal(&BigDecimal::from_str(text).unwrap());
    assert_eq!(amount("1000.500000").unwrap().to_string(), "1000.5");
    assert_eq!(amount("5e2").unwrap().as_decimal().fractional_digit_count(), 0);
    assert_eq!(amount("1e20"), Err(AmountError::OutOfRange));
    assert_eq!(amount(&"1".repeat(200)), Err(AmountError::OutOfRange));
}

#[test]
fn currencies_are_put_in_capitals_and_nothing_else_is_mended() {
    for (text, code) in
        [("usd", "USD"), (" EUR ", "EUR"), ("1inch", "1INCH"), ("USDT.e", "USDT.E"), ("a-B_9", "A-B_9")]
    {
        assert_eq!(text.parse::<Currency>().map(|currency| currency.to_string()), Ok(code.to_owned()));
    }
    for text in ["", "U", "US$", ".USD", "U D", "€", "uſd", "ＵＳＤ", "ABCDEFGHIJKLMNOPQ"] {
        assert_eq!(text.parse::<Currency>(), Err(BadCurrency), "{text}");
    }
}

#[test]
fn precision_is_the_currencys_own() {
    let precision = |code: &str| Currency::from_str(code).unwrap().precision();
    let cases = [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KWD", 3),
        ("BTC", 8),
        ("ETH", 18),
        ("USDT", 6),
        ("ZEC", 8),
        ("ADA", 6),
    ];
    for (code, places) in cases {
        assert_eq!(precision(code), Some(places), "{code}");
    }
    assert_eq!(precision("NOPE"), None);
}

proptest! {
    #[test]
    fn texts_come_back(whole in "[1-9][0-9]{0,19}", fraction in "[0-9]{0,18}", negative: bool) {
        let text = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
        let amount: Amount = text.parse().unwrap();
        prop_assert_eq!(amount.as_decimal(), &BigDecimal::from_str(&text).unwrap());
        let plain = amount.to_string();
        prop_assert!(!plain.contains(['e', 'E', '+']));
        prop_assert_eq!(plain.parse(), Ok(amount.clone()));
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
    }

    /// The law the rule is for: whatever cents a sender had in a double, and however often it was added up, come out as cents.
    #[test]
    fn sums_of_cents_in_doubles_come_out_as_cents(cents in prop::collection::vec(1_i32..100_000_000, 1..20)) {
        let float: f64 = cents.iter().map(|cents| f64::from(*cents) / 100.0).sum();
        let exact: i64 = cents.iter().copied().map(i64::from).sum();
        let expected = BigDecimal::new(exact.into(), 2);
        for text in [format!("{float}"), format!("{float:e}"), format!("{float:.17}"), format!("{float:.25}")] {
            let amount = Amount::read(&Json::Number(text.clone()), Some(&"USD".parse().unwrap())).unwrap();
            prop_assert_eq!(amount.as_decimal(), &expected, "{}", text);
        }
    }

    /// Where nobody knows the precision, what a double carries faithfully still comes out of it, in whichever way it is written: up to
    /// 13 digits before the point, since the cents are always looked at.
    #[test]
    fn fifteen_digits_come_back_from_a_double_in_any_currency(digits in 1_i64..1_000_000_000_000_000, places in 2_i64..=15, code in prop::sample::select(vec!["", "NOPE"])) {
        let expected = BigDecimal::new(digits.into(), places).normalized();
        let float = f64::from_str(&expected.to_plain_string()).unwrap();
        for text in [expected.to_plain_string(), format!("{float}"), format!("{float:.17e}"), format!("{float:.25e}")] {
            let amount = Amount::read(&Json::Number(text.clone()), code.parse().ok().as_ref()).unwrap();
            prop_assert_eq!(amount.as_decimal(), &expected, "{}", text);
        }
    }

    /// What has 15 digits or fewer is nobody's noise where the precision is not known, and a decimal string never is.
    #[test]
    fn fifteen_digits_are_never_moved_without_a_known_precision(digits in 1_i64..1_000_000_000_000_000, places in 0_i64..=18) {
        let exact = BigDecimal::new(digits.into(), places);
        let text = exact.to_plain_string();
        for json in [Json::Number(text.clone()), Json::String(text)] {
            let read = Amount::read(&json, None).unwrap();
            prop_assert_eq!(read.as_decimal(), &exact.normalized());
        }
    }

    /// Nothing is moved by more than the contract says, and decimal strings are never moved.
    #[test]
    fn reading_moves_nothing_far(text in "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,18})?", code in prop::sample::select(vec!["USD", "JPY", "BTC", "ETH"])) {
        let exact = BigDecimal::from_str(&text).unwrap();
        let read = Amount::read(&Json::Number(text.clone()), Some(&code.parse().unwrap())).unwrap();
        let moved = (read.as_decimal() - &exact).abs() * BigDecimal::from(1_000_000_000);
        prop_assert!(moved <= read.as_decimal().abs());
        let string = Amount::read(&Json::String(text), None).unwrap();
        prop_assert_eq!(string.as_decimal(), &exact);
    }

    #[test]
    fn no_text_panics(text in "\\PC*", numeric in "[0-9+.eE-]{0,40}") {
        for json in [Json::String(text.clone()), Json::Number(text), Json::String(numeric.clone()), Json::Number(numeric)] {
            drop(Amount::read(&json, None));
        }
    }
}

#[test]
fn a_sum_may_have_more_digits_than_any_amount_and_is_as_plain() {
    let nines: Amount = "99999999999999999999.999999999999999999".parse().unwrap();
    let (mut sum, mut none) = (Sum::zero(), Sum::zero());
    for _ in 0..1_000 {
        sum.add(&nines);
    }
    none.add(&"-0.50".parse().unwrap());
    let mut joined = none.clone();
    joined.join(&sum);
    assert_eq!(joined.to_string(), "99999999999999999999999.499999999999999");
    assert_eq!(sum.to_string(), "99999999999999999999999.999999999999999");
    assert_eq!((Sum::zero().to_string(), none.to_string()), ("0".to_owned(), "-0.5".to_owned()));
    assert_eq!(sum.less(&sum).to_string(), "0");
    assert_eq!(serde_json::from_value::<Sum>(serde_json::json!(sum)).unwrap(), sum);
    assert!("1,000".parse::<Sum>().is_err());
}
