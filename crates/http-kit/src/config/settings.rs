//! Settings as a struct, by envy. Envy's errors repeat values and name fields; here they become errors of [`ConfigError`].

use std::cell::RefCell;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value};
use serde::forward_to_deserialize_any;

use super::{ConfigError, Environment};

impl Environment {
    /// Reads a struct whose field `listen_address` is the setting `<prefix>LISTEN_ADDRESS`. Fields may be text, numbers, flags, unit
    /// enums, lists (comma-separated), and `Option` of those; `#[serde(default)]` works, `#[serde(flatten)]` does not (it would break numbers).
    ///
    /// # Errors
    /// Any [`ConfigError`], with the setting's name.
    pub fn load<T: DeserializeOwned>(&self, prefix: &str) -> Result<T, ConfigError> {
        let setting = |field: &str| format!("{prefix}{}", field.to_uppercase());
        let mut settings = Vec::new();
        for field in fields_of::<T>() {
            if let Some(text) = self.text(&setting(field))? {
                settings.push(((*field).to_owned(), text));
            }
        }
        // The struct takes the settings one by one, so the last one handed out is the one that it could not read.
        let last = RefCell::new(String::new());
        let handed_out = settings.into_iter().inspect(|(field, _)| last.borrow_mut().clone_from(field));
        envy::from_iter(handed_out).map_err(|error| match error {
            envy::Error::MissingValue(field) => ConfigError::Missing(setting(field)),
            envy::Error::Custom(_) => {
                let name = setting(&last.borrow());
                let expected = expected(&name);
                ConfigError::invalid(name, expected)
            }
        })
    }
}

/// What a setting is read as, for whoever gave something else.
fn expected(name: &str) -> &'static str {
    match name {
        "ENVIRONMENT" => "development or production",
        "LOG_FORMAT" => "json or human",
        "WORKERS" => "a number from 1 to 512",
        "DRAIN_SECONDS" => "a number of seconds, 0 or more",
        "SERVICE_API_RATE_LIMIT" | "FAILED_AUTH_RATE_LIMIT" => "a number from 0 to 100000",
        "STAFF_JWT_UNKNOWN" => "accept or refuse",
        _ => "readable as this setting; see .env.example",
    }
}

/// The names of a struct's fields, as it asks serde for them; none for what is not a struct.
fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // Always an error: the fields are all that is wanted, and they are noted before it.
    if T::deserialize(FieldNames(&mut fields)).is_ok() {
        return &[];
    }
    fields
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(value::Error::custom("only the fields of a struct are read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
