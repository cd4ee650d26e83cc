//! A JSON object as ordered members of raw text.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

/// A JSON value as text.
pub type Raw = Box<RawValue>;

/// One member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name.
    pub name: String,
    /// The value, as it was written.
    pub value: Raw,
    /// Whether a step made it: then its embedded parts are those of today and are not upgraded again.
    pub is_new: bool,
}

/// A JSON object as ordered members of raw text. Names are unique: of a name that is read twice the last one counts, as it
/// does for most readers of JSON.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<Member>);

impl Object {
    /// Reads an object. Its whole syntax is checked.
    ///
    /// # Errors
    /// The text is not one JSON object.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The text of the object.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("raw members are JSON, and memory takes them")
    }

    /// The object as a raw value.
    #[must_use]
    pub fn into_raw(self) -> Raw {
        raw(self.write())
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.0
    }

    /// The members, in order, to change their values.
    pub fn members_mut(&mut self) -> &mut [Member] {
        &mut self.0
    }

    /// Whether there is a member with this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Raw> {
        self.position(name).map(|at| &self.0[at].value)
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Member> {
        self.position(name).map(|at| self.0.remove(at))
    }

    /// Gives a member another name, at its place.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(at) = self.position(from) {
            to.clone_into(&mut self.0[at].name);
        }
    }

    /// Sets a member; a new one comes last.
    pub fn set(&mut self, name: &str, value: Raw, is_new: bool) {
        let member = Member {
            name: name.to_owned(),
            value,
            is_new,
        };
        match self.position(name) {
            Some(at) => self.0[at] = member,
            None => self.0.push(member),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|member| member.name == name)
    }
}

/// A text that is known to be JSON.
pub(crate) fn raw(text: String) -> Raw {
    RawValue::from_string(text).expect("the text was made of JSON")
}

/// `null`.
pub(crate) fn null() -> Raw {
    raw("null".to_owned())
}

/// A text as a JSON string.
pub(crate) fn string(text: &str) -> Raw {
    raw(serde_json::Value::from(text).to_string())
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for member in &self.0 {
            map.serialize_entry(&member.name, &member.value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = map.next_entry::<String, Raw>()? {
                    object.set(&name, value, false);
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn members_keep_their_order_and_numbers_every_digit() {
        let text = r#"{"b":1e400,"a":0.10000000000000000000001,"c":[9007199254740993,-0.0],"ü":{"z":1,"y":2}}"#;
        assert_eq!(Object::read(text).expect("an object").write(), text);
    }

    #[test]
    fn of_a_name_that_comes_twice_the_last_one_counts() {
        let object = Object::read(r#"{"a":1,"b":2,"a":3}"#).expect("an object");
        assert_eq!(object.write(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn a_renamed_member_keeps_its_place_and_a_new_one_comes_last() {
        let mut object = Object::read(r#"{"a":1,"b":2}"#).expect("an object");
        object.rename("a", "c");
        object.set("d", super::null(), true);
        assert_eq!(object.write(), r#"{"c":1,"b":2,"d":null}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "{", "{\"a\":}", ""] {
            assert!(Object::read(text).is_err(), "{text}");
        }
    }
}
