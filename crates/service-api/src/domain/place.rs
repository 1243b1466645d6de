//! Where a page of a list ended: the time and the id of its last item. Times may be equal, the two together never.

use contract::clock::Timestamp;

/// The place of an item in a list that is ordered by time and then by id, the greatest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) time: Timestamp,
    pub(crate) id: String,
}

impl Place {
    /// As the bytes that a cursor carries.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.time.as_micros().to_be_bytes().to_vec();
        bytes.extend(self.id.as_bytes());
        bytes
    }

    /// From the bytes of a cursor.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, id) = bytes.split_first_chunk::<8>()?;
        let time = Timestamp::from_micros(i64::from_be_bytes(*time));
        Some(Self { time, id: String::from_utf8(id.to_vec()).ok()? })
    }
}

/// One page of a list, and where it ended if there is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<Place>,
}

impl<T> Page<T> {
    /// The page of these rows, of which one more was looked for than it may have.
    pub(crate) fn of(mut rows: Vec<T>, limit: usize, place: impl Fn(&T) -> Place) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(place);
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_comes_back_from_its_bytes(micros in any::<i64>(), id in "[a-z0-9_]{0,40}") {
            let place = Place { time: Timestamp::from_micros(micros), id };
            prop_assert_eq!(Place::of_bytes(&place.to_bytes()), Some(place));
        }

        #[test]
        fn other_bytes_are_no_place(bytes in prop::collection::vec(any::<u8>(), 0..8)) {
            prop_assert_eq!(Place::of_bytes(&bytes), None);
        }
    }

    #[test]
    fn only_a_full_page_with_more_behind_it_goes_on() {
        let place = |n: &i64| Place { time: Timestamp::from_micros(*n), id: String::new() };
        let page = |rows: &[i64]| Page::of(rows.to_vec(), 2, place);
        assert_eq!(page(&[]).next, None);
        assert_eq!(page(&[3, 2]).next, None);
        let first = page(&[3, 2, 1]);
        assert_eq!((first.items.as_slice(), first.next), (&[3, 2][..], Some(place(&2))));
    }
}
