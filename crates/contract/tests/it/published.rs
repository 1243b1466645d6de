//! What docs/API.md tells callers of the words of the wire, held against the words themselves.

use std::fmt::Display;

use contract::audit::{Category, Outcome};
use contract::events::{AccountStatus, AccountType, FundType, KycStatus, KycWords};
use contract::problems::Code;

/// The published document, as it stands in the repository.
const API: &str = include_str!("../../../../docs/API.md");

/// The rows of the table whose head begins with these cells, each cell without white space at its ends.
fn table(head: &[&str]) -> Vec<Vec<&'static str>> {
    let cells =
        |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<&'static str>>();
    let mut lines = API.lines().skip_while(|line| !line.starts_with('|') || !cells(line).starts_with(head));
    let rows: Vec<_> = lines.by_ref().skip(2).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(!rows.is_empty(), "docs/API.md has no table {head:?}");
    rows
}

fn in_code(word: impl Display) -> String {
    format!("`{word}`")
}

#[test]
fn every_problem_code_is_published_with_its_status_and_no_other() {
    let published: Vec<_> = table(&["code", "status", "meaning"])
        .into_iter()
        .map(|row| {
            let [code, status, meaning] = row[..] else { panic!("three cells: {row:?}") };
            assert!(meaning.split(' ').count() > 3, "{code} is explained");
            (code.to_owned(), status.to_owned())
        })
        .collect();
    let known: Vec<_> = Code::ALL.iter().map(|code| (in_code(code), code.status().to_string())).collect();
    assert_eq!(published, known, "in the order of the list");
}

/// The words that are set as code in these cells.
fn words(cells: &str) -> Vec<&str> {
    cells.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_kyc_status_is_published_and_each_further_word_means_what_stands_there() {
    let read = |word: &str| KycWords::built_in().read(word);
    let rows = table(&["KYC status", "also read as that"]);
    let published: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(published, KycStatus::ALL.map(in_code));
    for row in rows {
        let status = read(words(row[0])[0]);
        for word in row[1].split(", ") {
            assert_eq!(read(word), status, "{word}");
            assert_eq!(read(&word.to_uppercase().replace('_', " ")), status, "{word} in another form");
        }
    }
}

#[test]
fn the_words_of_accounts_transactions_and_the_trail_are_published() {
    let of_events = table(&["field", "words"]);
    let of_entries = table(&["member of an entry", "what it says"]);
    let row = |rows: &[Vec<&'static str>], field: &str| {
        let row = rows.iter().find(|row| row[0] == field).unwrap_or_else(|| panic!("no row {field}"));
        words(row[1])
    };
    assert_eq!(row(&of_events, "`fundType`"), FundType::ALL.map(FundType::as_str));
    assert_eq!(row(&of_events, "`type` of an account"), AccountType::ALL.map(AccountType::as_str));
    assert_eq!(row(&of_events, "`status` of an account"), AccountStatus::ALL.map(AccountStatus::as_str));
    let categories: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
    assert_eq!(row(&of_entries, "`category`"), categories);
    let outcomes: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(row(&of_entries, "`outcome`"), outcomes);
}
