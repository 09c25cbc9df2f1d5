//! Whose a record is and how it stands, told from its beginning alone.

use super::Status;

/// Whose the record is and how it stands, from a text that holds at least the record's beginning in the order of the wire.
/// None for one in another order: then it has to be read whole.
pub(crate) struct Opening {
    pub(crate) service: String,
    pub(crate) user_id: String,
    pub(crate) status: Status,
    /// The text through the user id.
    pub(crate) owner_text: String,
}

/// How many bytes of a record's end [`Opening::is_settled`] needs.
pub(crate) const OPENING_END_BYTES: usize = 18;

impl Opening {
    /// Whether a record that ends like this ends as hosts and the Python package end one: no field stands there a second
    /// time, whose value would count.
    pub(crate) fn is_settled(end: &[u8]) -> bool {
        [&b"\"priority\":\"low\"}"[..], b"\"priority\":\"high\"}"].iter().any(|usual| end.ends_with(usual))
    }

    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        string_field(&mut rest, b"{\"task_id\":")?;
        let service = string_field(&mut rest, b",\"service\":")?;
        let user_id = string_field(&mut rest, b",\"user_id\":")?;
        let owner_text = std::str::from_utf8(&text[..text.len() - rest.len()]).ok()?.to_owned();
        let status = string_field(&mut rest, b",\"status\":")?.parse().ok()?;
        rest.starts_with(b",\"parameters\":").then_some(())?;
        Some(Self { service, user_id, status, owner_text })
    }
}

/// Takes a field with a string value off the beginning of a text.
fn string_field(rest: &mut &[u8], name: &[u8]) -> Option<String> {
    let value = rest.strip_prefix(name)?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
    let text = values.next()?.ok()?;
    *rest = &value[values.byte_offset()..];
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_needs_no_more_than_the_beginning() {
        let text =
            "{\"task_id\":\"1\",\"service\":\"s\\\"\",\"user_id\":\"앨리스\",\"status\":\"running\",\"parameters\":{";
        let opening = Opening::read(text.as_bytes()).unwrap();
        assert_eq!((opening.service.as_str(), opening.user_id.as_str()), ("s\"", "앨리스"));
        assert_eq!(opening.status, Status::Running);
        assert!(text.starts_with(&opening.owner_text) && opening.owner_text.ends_with("\"앨리스\""));
        assert!(Opening::read(&text.as_bytes()[..60]).is_none());
        assert!(Opening::read(b"{ \"task_id\":\"1\"}").is_none());
        assert!(Opening::is_settled(b"\"priority\":\"high\"}") && !Opening::is_settled(b",\"status\":\"failed\"}"));
    }
}
