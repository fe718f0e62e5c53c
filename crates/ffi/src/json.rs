//! Numbers and texts as JSON, for what a program shows or hands on rather than works with.

use std::fmt::{Display, Write};

/// An object, field by field.
pub struct Object(String);

impl Object {
    pub fn new() -> Object {
        Object("{".into())
    }

    /// `value`: a number, or what is JSON already.
    pub fn field(mut self, name: &str, value: impl Display) -> Object {
        let comma = if self.0.len() > 1 { "," } else { "" };
        write!(self.0, "{comma}\"{name}\":{value}").expect("a string takes everything");
        self
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

pub fn text(text: &str) -> String {
    let mut json = String::from("\"");
    for each in text.chars() {
        match each {
            '"' | '\\' => json.extend(['\\', each]),
            control if control < ' ' => {
                write!(json, "\\u{:04x}", u32::from(control)).expect("a string takes everything");
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lists_and_texts_are_json() {
        let inner = Object::new().field("path", text("a\"b\\c\n\u{e9}")).end();
        let json =
            Object::new().field("count", 3).field("share", 0.5).field("all", list([inner, "{}".into()]));
        assert_eq!(
            json.end(),
            "{\"count\":3,\"share\":0.5,\"all\":[{\"path\":\"a\\\"b\\\\c\\u000a\u{e9}\"},{}]}"
        );
    }
}
