//! `ETag` and `If-Match` (RFC 9110, section 13.1.1): a change that is to happen only while the record is still what its caller saw.

use contract::resources::ClientRecord;

/// The tag of a record: its version; beside others of the same address also which those are, since they change without it.
pub(crate) fn tag(record: &ClientRecord) -> String {
    if record.other_client_ids.is_empty() {
        return format!("\"{}\"", record.version);
    }
    let others = auth::digest::sha256(record.other_client_ids.join("\n").as_bytes());
    format!("\"{}-{}\"", record.version, hex::encode(others.iter().take(8).copied().collect::<Vec<_>>()))
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Any record that is there.
    Any,
    /// One with one of these tags, compared strongly: a weak tag is nobody's.
    Tags(Vec<String>),
}

impl IfMatch {
    /// Reads the header's lines; `None` without any. What is no tag matches nothing.
    pub(crate) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let lines: Vec<String> = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        if lines.is_empty() {
            return None;
        }
        // Our tags hold no comma, so a foreign one that does may fall apart: neither part is ours.
        let tags: Vec<String> =
            lines.iter().flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect();
        Some(if tags == ["*"] { Self::Any } else { Self::Tags(tags) })
    }

    /// Is this record one of those?
    pub(crate) fn holds(&self, record: &ClientRecord) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&tag(record)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IfMatch;

    fn read(lines: &[&str]) -> Option<IfMatch> {
        IfMatch::read(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn tags_are_read_from_all_lines() {
        let tags = |tags: &[&str]| Some(IfMatch::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[" * "]), Some(IfMatch::Any));
        assert_eq!(read(&["\"1\""]), tags(&["\"1\""]));
        assert_eq!(read(&["\"1\", W/\"2\"", "\"3\""]), tags(&["\"1\"", "W/\"2\"", "\"3\""]));
        assert_eq!(read(&[""]), tags(&[""]), "an empty line is a condition that nothing meets");
        assert_eq!(read(&["*", "\"1\""]), tags(&["*", "\"1\""]));
    }
}
