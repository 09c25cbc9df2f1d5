//! Traces for a collector, by OTLP over HTTP: what is exported, and where to, is said by the standard variables of
//! OpenTelemetry.
//!
//! Spans are exported of the platform's requests and of runs, with what happens in them. Nothing waits for the collector:
//! it is told by a thread of its own, and what it does not take is lost.

mod collector;

use std::time::Duration;

use anyhow::{Context as _, bail};
use opentelemetry::Key;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use self::collector::Collector;

/// What the spans are said to come from, unless `OTEL_SERVICE_NAME` says so.
const SERVICE: &str = "task-state";

/// The one protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// How long a process that ends waits for the collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// What exports spans.
pub(crate) struct Telemetry(SdkTracerProvider);

impl Telemetry {
    /// What the environment asks for: nothing, unless it names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`, or the same
    /// with `_TRACES`) or the exporter (`OTEL_TRACES_EXPORTER=otlp`, whose collector is on this machine then).
    ///
    /// # Errors
    /// If it asks for what cannot be done, with the variable and its value.
    pub(crate) fn from_env() -> anyhow::Result<Option<Self>> {
        if !is_wanted(|name| std::env::var(name).ok())? {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Collector::from_env()?).build();
        let exporter = exporter.context("traces cannot be exported")?;
        let provider = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter);
        Ok(Some(Self(provider.build())))
    }

    /// What has spans exported: those of this project, whatever is logged.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = Targets::new()
            .with_target("task_state_host", LevelFilter::INFO)
            .with_target("task_state_serve", LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    /// Sends what is left, within five seconds.
    pub(crate) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Whether spans are to be exported.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<bool> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let endpoint = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].into_iter().find_map(given);
    match given("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => return Ok(false),
        Some("otlp") => {}
        Some(other) => bail!("invalid OTEL_TRACES_EXPORTER {other:?}: it is otlp or none"),
        None if endpoint.is_none() => return Ok(false),
        None => {}
    }
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        match given(name).as_deref() {
            None => continue,
            Some(PROTOCOL) => break,
            Some(other) => bail!("invalid {name} {other:?}: what is spoken is {PROTOCOL}"),
        }
    }
    Ok(true)
}

/// What the spans are of, as the environment says. The SDK gives it a name of its own if the environment has none.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    if name.is_some_and(|name| !name.starts_with("unknown_service")) {
        return named;
    }
    Resource::builder().with_service_name(SERVICE).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, String> {
        let variable =
            |name: &str| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
        is_wanted(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn spans_are_exported_if_the_environment_asks_for_it() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (variables, is_wanted) in [
            (&[][..], false),
            (&[ENDPOINT], true),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/v1/traces")], true),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], false),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], true),
            (&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")], false),
            (&[ENDPOINT, ("OTEL_SDK_DISABLED", "True")], false),
            (&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")], true),
            // That of traces counts before that of all.
            (
                &[
                    ENDPOINT,
                    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ],
                true,
            ),
        ] {
            assert_eq!(wanted(variables), Ok(is_wanted), "{variables:?}");
        }
        for (variable, said) in [
            (("OTEL_TRACES_EXPORTER", "zipkin"), "invalid OTEL_TRACES_EXPORTER \"zipkin\": it is otlp or none"),
            (
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                "invalid OTEL_EXPORTER_OTLP_PROTOCOL \"grpc\": what is spoken is http/protobuf",
            ),
        ] {
            assert_eq!(wanted(&[ENDPOINT, variable]), Err(said.to_owned()));
        }
    }
}
