//! The process that compiles one component within limits that it sets itself before it sees the component.

use std::io::{self, BufRead, ErrorKind, Read as _, Write as _};
use std::process::ExitCode;

use wasmtime::component::Component;

use super::limits::Limit;
use super::process::{Answer, Order};
use super::{LoadError, LoadLimits, chain, check};
use crate::plugin::engine;

/// The most bytes of an order.
const MAX_ORDER: u64 = 64 << 10;

/// Answers one order.
pub(super) fn serve() -> ExitCode {
    let answer = obey(&mut io::stdin().lock()).unwrap_or_else(|error| match error {
        LoadError::Limit(exceeded) => Answer::Limit(exceeded),
        LoadError::Compile(why) => Answer::Failed(why),
        other => Answer::Failed(other.to_string()),
    });
    let is_compiled = matches!(answer, Answer::Compiled(_));
    let told = serde_json::to_vec(&answer).map_err(io::Error::from).and_then(|text| io::stdout().write_all(&text));
    if is_compiled && told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn obey(input: &mut impl BufRead) -> Result<Answer, LoadError> {
    let broken = |what: &str, why: &dyn std::fmt::Display| LoadError::Compile(format!("{what}: {why}"));
    let mut line = Vec::new();
    input.by_ref().take(MAX_ORDER).read_until(b'\n', &mut line).map_err(|error| broken("no order came", &error))?;
    let order: Order =
        serde_json::from_slice(&line).map_err(|error| broken("the compiler does not understand its order", &error))?;
    limit_process(&order.limits).map_err(|error| broken("the compiler cannot be limited", &error))?;
    let mut component = vec![0; order.size.min(order.limits.component_bytes)];
    input.read_exact(&mut component).map_err(|error| broken("the component did not come whole", &error))?;

    let model = check::check(&component, &order.limits)?;
    let engine = engine::for_compilation(&order.engine, model, order.cache.as_deref())
        .map_err(|error| LoadError::Compile(format!("the compiler cannot be made: {}", chain(&error))))?;
    Component::from_binary(&engine, &component).map_err(|error| match is_out_of_memory(&error) {
        true => Limit::CompileMemory.reached(order.limits.compile_memory_bytes as u64).into(),
        false => LoadError::Compile(chain(&error)),
    })?;
    Ok(Answer::Compiled(model))
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::OutOfMemory)
            || cause.to_string().contains("Cannot allocate memory")
    })
}

/// Limits what this process may use from now on.
#[cfg(unix)]
fn limit_process(limits: &LoadLimits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let lower = |resource, most: u64| {
        let present = getrlimit(resource);
        // Only the superuser may raise a limit, and nobody needs to.
        let within = |most: u64| Some(present.maximum.map_or(most, |maximum| most.min(maximum)));
        setrlimit(resource, Rlimit { current: within(most), maximum: within(most.saturating_add(1)) })
    };
    lower(Resource::Core, 0)?;
    lower(Resource::Cpu, limits.compile_seconds())?;
    lower(Resource::Data, limits.compile_memory_bytes as u64)?;
    Ok(())
}

#[cfg(not(unix))]
fn limit_process(_: &LoadLimits) -> io::Result<()> {
    Ok(())
}
