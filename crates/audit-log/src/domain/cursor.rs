//! Where a page of the trail ended, in a cursor of http-kit's: bound to the filter it belongs to.

use auth::keyring::KeyRing;
use contract::clock::Timestamp;

use super::search::Filter;

/// The place of an entry in the order of the trail's pages. Times may be equal, places never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) time: Timestamp,
    pub(crate) position: i64,
}

/// Makes and reads cursors. A rotation of the key leaves those in use valid.
pub(crate) struct Cursors(http_kit::cursor::Cursors);

impl Cursors {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self(http_kit::cursor::Cursors::new(ring, "crm-bridge audit-log entries"))
    }

    /// The cursor of the page that ended at `place`.
    pub(crate) fn write(&self, place: Place, filter: &Filter) -> String {
        self.0.write(&bytes_of(place), &filter.parts())
    }

    /// Where the page ended; `None` for what is no cursor of ours, or one of another filter.
    pub(crate) fn read(&self, cursor: &str, filter: &Filter) -> Option<Place> {
        let place = self.0.read(cursor, &filter.parts())?;
        place_of(place.as_slice().try_into().ok()?)
    }
}

fn bytes_of(place: Place) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (time, position) = bytes.split_at_mut(8);
    time.copy_from_slice(&place.time.as_micros().to_be_bytes());
    position.copy_from_slice(&place.position.to_be_bytes());
    bytes
}

fn place_of(bytes: &[u8; 16]) -> Option<Place> {
    let (time, position) = bytes.split_first_chunk::<8>()?;
    let position = i64::from_be_bytes(position.try_into().ok()?);
    Some(Place { time: Timestamp::from_micros(i64::from_be_bytes(*time)), position })
}

#[cfg(test)]
mod tests {
    use auth::secret::Secret;
    use proptest::prelude::*;

    use super::*;

    fn ring(current: &str, previous: &[&str]) -> Cursors {
        let secret = |text: &&str| Secret::new(format!("placeholder-{text}-0123456789abcdef"));
        Cursors::new(KeyRing::new(secret(&current), previous.iter().map(secret).collect()))
    }

    fn filter(text: Option<String>, actor: Option<String>) -> Filter {
        Filter { text, actor, ..Filter::default() }
    }

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place_under_its_own_filter_alone(
            micros in Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros(),
            position in any::<i64>(),
            (text, actor) in any::<(Option<String>, Option<String>)>(),
            (other_text, other_actor) in any::<(Option<String>, Option<String>)>(),
        ) {
            let place = Place { time: Timestamp::from_micros(micros), position };
            let (own, other) = (filter(text, actor), filter(other_text, other_actor));
            let cursor = ring("one", &[]).write(place, &own);
            prop_assert_eq!(ring("one", &[]).read(&cursor, &own), Some(place));
            prop_assert_eq!(ring("one", &[]).read(&cursor, &other), (own == other).then_some(place));
            prop_assert_eq!(ring("two", &[]).read(&cursor, &own), None);
            prop_assert_eq!(ring("two", &["one"]).read(&cursor, &own), Some(place), "during a rotation");
        }

        #[test]
        fn no_text_makes_it_stumble(text in ".{0,80}") {
            prop_assert_eq!(ring("one", &[]).read(&text, &Filter::default()), None);
        }
    }

    #[test]
    fn a_part_of_a_filter_is_not_taken_for_another_part() {
        let place = Place { time: Timestamp::from_micros(0), position: 1 };
        let cursor = ring("one", &[]).write(place, &filter(Some("ab".to_owned()), None));
        assert_eq!(ring("one", &[]).read(&cursor, &filter(None, Some("ab".to_owned()))), None);
    }
}
