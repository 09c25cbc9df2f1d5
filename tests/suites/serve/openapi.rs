//! The document of the interface: it says what there is, no more and no less.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use task_state_tests::tasks::Status;

use crate::api::{create, get};
use crate::events::Events;
use crate::fixture::{Request, Serving, plugin};

/// The document, as it lies beside the routes.
fn document() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/serve/src/http/api/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// A path with names in the places of its parameters.
fn filled(path: &str) -> String {
    format!("/api/v2{}", path.replace("{id}", "none").replace("{name}", "none"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_routes_say_the_same() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin("'analytics'", "")).await?;
    assert_eq!(get(&serving, "/openapi.json").await?, document());
    let paths = document()["paths"].as_object().unwrap().clone();
    for (path, methods) in &paths {
        for method in METHODS {
            let says = methods.get(method).is_some();
            if (method, path.as_str()) == ("get", "/events") {
                Events::open(serving.address, "/api/v2/events").await?;
                continue;
            }
            // Without a body, those that need one refuse the request, and do nothing.
            let answer = serving.ask(Request::new(&method.to_uppercase(), &filled(path))).await?;
            let has = answer.status != 405 && !answer.body.contains("there is nothing at this path");
            assert_eq!(says, has, "{method} {path}: {answer:?}");
        }
        assert!(methods["parameters"].as_array().map_or(0, Vec::len) == path.matches('{').count(), "{path}");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/serve/src/http/api/mod.rs");
    let source = std::fs::read_to_string(source)?;
    let routes = source.lines().filter_map(|line| line.trim().strip_prefix("(\"/")?.split('"').next());
    let routes: BTreeSet<String> = routes.map(|path| format!("/{path}")).collect();
    let of_others = ["/openapi.json", "/session"].map(str::to_owned);
    let said: BTreeSet<String> = paths.keys().filter(|path| !of_others.contains(path)).cloned().collect();
    assert_eq!(routes, said);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_the_document_says() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin("'analytics'", "")).await?;
    let done = create(&serving, "nothing", json!({"task_id": "done"})).await?;
    serving.until(&done, Status::Completed).await;
    create(&serving, "wait", json!({"task_id": "waits"})).await?;
    serving.until_logged("waits", "at work").await;
    let checker = Checker(document());
    let new = |id: &str| json!({"service": "analytics", "user_id": "alice", "parameters": {"n": 1}, "task_id": id});
    let filter = json!({"filter": {"task_ids": ["waits", "none"]}, "dry_run": true});
    for (method, path, rest, body) in [
        ("get", "/tasks", "/tasks", None),
        ("get", "/tasks", "/tasks?limit=1", None),
        ("get", "/tasks", "/tasks?limit=0", None),
        ("get", "/tasks/count", "/tasks/count", None),
        ("post", "/tasks", "/tasks", Some(new("new"))),
        ("post", "/tasks", "/tasks", Some(new("new"))),
        ("post", "/tasks", "/tasks", Some(new("a b"))),
        ("post", "/tasks/cancel", "/tasks/cancel", Some(filter.clone())),
        ("post", "/tasks/delete", "/tasks/delete", Some(filter)),
        ("get", "/tasks/{id}", "/tasks/done", None),
        ("get", "/tasks/{id}", "/tasks/waits", None),
        ("get", "/tasks/{id}", "/tasks/none", None),
        ("get", "/tasks/{id}/logs", "/tasks/done/logs?start=-1", None),
        ("put", "/tasks/{id}/priority", "/tasks/waits/priority", Some(json!({"priority": "high"}))),
        ("post", "/tasks/{id}/again", "/tasks/done/again", Some(json!({}))),
        ("post", "/tasks/{id}/cancel", "/tasks/waits/cancel", Some(json!({}))),
        ("post", "/tasks/{id}/cancel", "/tasks/waits/cancel", Some(json!({}))),
        ("post", "/inputs", "/inputs", Some(json!({}))),
        ("get", "/overview", "/overview", None),
        ("get", "/hosts", "/hosts", None),
        ("get", "/services", "/services", None),
        ("get", "/pauses", "/pauses", None),
        ("get", "/session", "/session", None),
        ("delete", "/tasks/{id}", "/tasks/done", None),
    ] {
        let mut request = Request::new(&method.to_uppercase(), &format!("/api/v2{rest}"));
        if let Some(body) = &body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = serving.ask(request).await?;
        checker.check_answer(path, method, answer.status, &answer.json(), rest);
    }
    Ok(())
}

/// Holds answers to the schemas of a document. It knows the words that the document uses, and no others.
struct Checker(Value);

impl Checker {
    fn check_answer(&self, path: &str, method: &str, status: u16, body: &Value, about: &str) {
        let responses = &self.0["paths"][path][method]["responses"];
        let said = responses.get(status.to_string());
        assert!(said.is_some() || status >= 400, "{about}: {status} is not in the document: {body}");
        let said = said.unwrap_or(&responses["default"]);
        let said = said["$ref"].as_str().map_or(said, |name| self.at(name));
        let contents = said["content"].as_object();
        match contents.and_then(|contents| contents.values().next()) {
            Some(content) => self.check(&content["schema"], body, about),
            None => assert_eq!(body, &json!(""), "{about}"),
        }
    }

    fn at(&self, name: &str) -> &Value {
        self.0.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn check(&self, schema: &Value, value: &Value, about: &str) {
        for (word, rule) in schema.as_object().unwrap() {
            let holds = match word.as_str() {
                "$ref" => {
                    self.check(self.at(rule.as_str().unwrap()), value, about);
                    true
                }
                "anyOf" => rule.as_array().unwrap().iter().any(|one| self.is(one, value, about)),
                "type" => types(rule).iter().any(|kind| is_a(kind, value)),
                "enum" => rule.as_array().unwrap().contains(value),
                "properties" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        if let Some(schema) = rule.get(name) {
                            self.check(schema, value, &format!("{about} {name}"));
                        }
                    }
                    true
                }
                "required" => {
                    let names = rule.as_array().unwrap();
                    value
                        .as_object()
                        .is_none_or(|has| names.iter().all(|name| has.contains_key(name.as_str().unwrap())))
                }
                "additionalProperties" => value.as_object().is_none_or(|has| {
                    let more = has.iter().filter(|(name, _)| schema["properties"].get(name).is_none());
                    let mut more = more.peekable();
                    match rule {
                        Value::Bool(allowed) => *allowed || more.peek().is_none(),
                        rule => more.all(|(_, value)| self.is(rule, value, about)),
                    }
                }),
                "propertyNames" => {
                    value.as_object().is_none_or(|has| has.keys().all(|name| self.is(rule, &json!(name), about)))
                }
                "items" => {
                    value.as_array().into_iter().flatten().for_each(|item| self.check(rule, item, about));
                    true
                }
                "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "pattern" => value.as_str().is_none_or(|text| {
                    let digits = rule.as_str().unwrap().trim_start_matches("^[0-9a-f]{").trim_end_matches("}$");
                    text.len().to_string() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                }),
                "description" => true,
                word => panic!("the checker does not know {word}"),
            };
            assert!(holds, "{about}: {value} is not {word} {rule}");
        }
    }

    fn is(&self, schema: &Value, value: &Value, about: &str) -> bool {
        match schema["type"].as_str() {
            Some("null") => value.is_null(),
            _ if value.is_null() => false,
            _ => {
                self.check(schema, value, about);
                true
            }
        }
    }
}

fn types(rule: &Value) -> Vec<&str> {
    rule.as_str().map_or_else(|| rule.as_array().unwrap().iter().filter_map(Value::as_str).collect(), |one| vec![one])
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        kind => panic!("what is {kind}?"),
    }
}
