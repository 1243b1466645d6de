//! Bodies as other platforms write them, and a snapshot of what each is read as.

use std::path::Path;

use contract::events::{Envelope, Reading};
use serde_json::{Value, json};

use crate::events::read_bytes;

fn envelope(envelope: &Envelope) -> Value {
    json!({
        "id": envelope.id,
        "eventType": envelope.event_type,
        "event": envelope.event,
        "sequence": envelope.sequence,
        "timestamp": envelope.timestamp,
        "effectiveAt": envelope.effective_at,
        "facts": String::from_utf8_lossy(&envelope.facts),
        "warnings": envelope.warnings,
    })
}

fn describe(reading: &Reading) -> Value {
    match reading {
        Reading::Known(known) => json!({"known": envelope(known)}),
        Reading::Unrecognized(unrecognized) => json!({"unrecognized": envelope(unrecognized)}),
        Reading::Unreadable(unreadable) => json!({"unreadable": {
            "id": unreadable.id,
            "eventType": unreadable.event_type,
            "facts": unreadable.facts.as_deref().map(String::from_utf8_lossy),
            "code": unreadable.code,
            "errors": unreadable.errors,
        }}),
    }
}

#[test]
fn the_corpus_reads_as_it_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 26, "the corpus has shrunk to {}", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let reading = read_bytes(&std::fs::read(&file).unwrap());
        insta::assert_json_snapshot!(name, describe(&reading));
    }
}
