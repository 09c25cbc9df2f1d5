//! What a request asks for, and what is wrong with one that cannot be read: field by field, as pydantic says it.

use axum::response::Response;
use http::StatusCode;
use task_state_host::record::Priority;

use super::answer::json;
use super::json::Json;

/// What is wrong with a body: the answer's `detail`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Invalid(Vec<Json>);

impl Invalid {
    /// A body that is no JSON from a character on.
    pub(super) fn not_json(at: usize, why: &str) -> Self {
        let place = Json::List(vec![Json::text("body"), Json::Int(at.to_string())]);
        let error = Json::object([
            ("type", Json::text("json_invalid")),
            ("loc", place),
            ("msg", Json::text("JSON decode error")),
            ("input", Json::Object(Vec::new())),
            ("ctx", Json::object([("error", Json::text(why))])),
        ]);
        Self(vec![error])
    }

    /// No body at all.
    pub(super) fn absent() -> Self {
        Self(vec![error("missing", &[], "Field required", Json::Null)])
    }

    /// A body that is no object.
    pub(super) fn no_object(body: Json) -> Self {
        let message = "Input should be a valid dictionary or object to extract fields from";
        Self(vec![error("model_attributes_type", &[], message, body)])
    }

    /// What the request is answered.
    pub(super) fn answer(self) -> Response {
        json(StatusCode::UNPROCESSABLE_ENTITY, &Json::object([("detail", Json::List(self.0))]))
    }

    /// The same on one line, for the log of the task.
    pub(super) fn summary(&self) -> String {
        let one = |error: &Json| {
            let Some(Json::List(place)) = error.get("loc") else { return String::new() };
            let place: Vec<String> = place.iter().map(|part| part.encode().trim_matches('"').to_owned()).collect();
            let message = match error.get("msg") {
                Some(Json::Text(message)) => message.as_str(),
                _ => "",
            };
            format!("{}: {message}", place.join("."))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

/// One error of one field.
fn error(kind: &str, field: &[&str], message: &str, input: Json) -> Json {
    let place = std::iter::once(&"body").chain(field).map(|part| Json::text(*part)).collect();
    Json::object([
        ("type", Json::text(kind)),
        ("loc", Json::List(place)),
        ("msg", Json::text(message)),
        ("input", input),
    ])
}

/// A task that is submitted.
#[derive(Debug, PartialEq)]
pub(super) struct TaskRequest {
    pub(super) task_id: String,
    pub(super) service: String,
    pub(super) user_id: String,
    /// An object.
    pub(super) parameters: Json,
}

/// A task that is to stop.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CancelRequest {
    pub(super) task_id: String,
    pub(super) service: String,
    pub(super) user_id: String,
}

/// A task that is more or less urgent than it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PriorityRequest {
    pub(super) task_id: String,
    pub(super) priority: Priority,
}

impl TaskRequest {
    pub(super) fn read(body: &Json) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        let names = ["task_id", "service", "user_id"].map(|name| fields.text(name));
        let parameters = fields.get("parameters", |value| match value {
            Json::Object(_) => Ok(value.clone()),
            _ => Err(error("dict_type", &["parameters"], "Input should be a valid dictionary", value.clone())),
        });
        let [task_id, service, user_id] = names;
        match (task_id, service, user_id, parameters) {
            (Some(task_id), Some(service), Some(user_id), Some(parameters)) => {
                Ok(Self { task_id, service, user_id, parameters })
            }
            _ => Err(fields.into_invalid()),
        }
    }
}

impl CancelRequest {
    pub(super) fn read(body: &Json) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        match ["task_id", "service", "user_id"].map(|name| fields.text(name)) {
            [Some(task_id), Some(service), Some(user_id)] => Ok(Self { task_id, service, user_id }),
            _ => Err(fields.into_invalid()),
        }
    }
}

impl PriorityRequest {
    pub(super) fn read(body: &Json) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        let task_id = fields.text("task_id");
        let priority = fields.get("priority", |value| {
            let read = match value {
                Json::Text(text) => text.parse().ok(),
                _ => None,
            };
            read.ok_or_else(|| {
                let expected = "'high' or 'low'";
                let message = format!("Input should be {expected}");
                let mut error = error("enum", &["priority"], &message, value.clone());
                if let Json::Object(fields) = &mut error {
                    fields.push(("ctx".to_owned(), Json::object([("expected", Json::text(expected))])));
                }
                error
            })
        });
        match (task_id, priority) {
            (Some(task_id), Some(priority)) => Ok(Self { task_id, priority }),
            _ => Err(fields.into_invalid()),
        }
    }
}

/// The fields of a body, and what is wrong with them so far.
struct Fields<'b> {
    body: &'b Json,
    errors: Vec<Json>,
}

impl<'b> Fields<'b> {
    fn of(body: &'b Json) -> Result<Self, Invalid> {
        match body {
            Json::Object(_) => Ok(Self { body, errors: Vec::new() }),
            _ => Err(Invalid::no_object(body.clone())),
        }
    }

    fn get<T>(&mut self, name: &str, read: impl FnOnce(&Json) -> Result<T, Json>) -> Option<T> {
        let value = match self.body.get(name) {
            Some(value) => read(value),
            None => Err(error("missing", &[name], "Field required", self.body.clone())),
        };
        value.map_err(|error| self.errors.push(error)).ok()
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.get(name, |value| match value {
            Json::Text(text) => Ok(text.clone()),
            _ => Err(error("string_type", &[name], "Input should be a valid string", value.clone())),
        })
    }

    fn into_invalid(self) -> Invalid {
        Invalid(self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn detail(invalid: Invalid) -> String {
        Json::List(invalid.0).encode()
    }

    #[test]
    fn every_field_that_is_wrong_is_named_with_what_was_given() {
        let invalid = TaskRequest::read(&parsed(r#"{"task_id":1,"user_id":null,"parameters":[]}"#)).unwrap_err();
        assert_eq!(
            invalid.summary(),
            "body.task_id: Input should be a valid string; body.service: Field required; \
             body.user_id: Input should be a valid string; body.parameters: Input should be a valid dictionary"
        );
        let detail = detail(invalid);
        assert!(detail.starts_with(r#"[{"type":"string_type","loc":["body","task_id"],"msg":"Input should be a valid string","input":1},{"type":"missing","loc":["body","service"],"msg":"Field required","input":{"task_id":1,"#), "{detail}");
        let invalid = PriorityRequest::read(&parsed(r#"{"task_id":"1","priority":"urgent"}"#)).unwrap_err();
        assert_eq!(
            super::tests::detail(invalid),
            r#"[{"type":"enum","loc":["body","priority"],"msg":"Input should be 'high' or 'low'","input":"urgent","ctx":{"expected":"'high' or 'low'"}}]"#
        );
        assert!(
            CancelRequest::read(&parsed("[]"))
                .unwrap_err()
                .summary()
                .starts_with("body: Input should be a valid dictionary")
        );
    }

    #[test]
    fn fields_that_nobody_asks_for_are_let_be() {
        let request = CancelRequest::read(&parsed(r#"{"task_id":"1","service":"s","user_id":"u","x":1}"#)).unwrap();
        assert_eq!(request, CancelRequest { task_id: "1".into(), service: "s".into(), user_id: "u".into() });
    }
}
