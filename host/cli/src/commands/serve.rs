//! `serve`: runs a platform until it is asked to stop.

use anyhow::Context as _;
use serde_json::{Value, json};
use task_state_host::Settings;
use task_state_host::store::StoreUrl;
use task_state_registry::Registry;
use task_state_serve::{ConfigError, Platform, PlatformConfig, PluginConfig, Reloaded, Surroundings, Token};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::interrupt::Interrupt;
use super::plugin_file::{compiler, loading_host};
use crate::args::ServeArgs;
use crate::exit::{Exit, Misuse};
use crate::open_store;
use crate::output::{Out, Screen, name};

/// The variable that holds the token.
const TOKEN: &str = "TASK_STATE_TOKEN";

pub(super) async fn serve(args: ServeArgs, store: Option<StoreUrl>, screen: &Screen) -> anyhow::Result<Exit> {
    let Some(config) = read(&args, screen)? else { return Ok(Exit::Usage) };
    let mut interrupt = Interrupt::listen()?;
    let mut hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let store = open_store::open(store.or_else(|| config.store.clone()), screen).await?;
    let mut surroundings = Surroundings::new(store.clone(), Settings::from_env()?.time_zone.name());
    surroundings.compiler = Some(compiler()?);
    surroundings.listen = args.listen;
    surroundings.token = token()?;
    let plugins = config.plugins.len();
    let started = tokio::select! {
        started = Platform::start(config, surroundings) => started,
        () = interrupt.requested() => return Ok(Exit::Cancelled),
    };
    let platform = started?;
    screen.line(&format!("{} of {}", count(plugins), args.config.display()));
    platform.access().iter().for_each(|line| screen.line(line));
    screen.line(&format!("listening at {}", platform.address()));
    until_stopped(&platform, &mut hangups, &mut interrupt, screen).await;
    screen.line("stopping: runs may end by themselves, a second signal ends this command at once");
    platform.stop().await;
    store.close().await;
    Ok(Exit::Done)
}

/// Reads the configuration anew as often as it is asked to, until the command is to stop.
async fn until_stopped(platform: &Platform, hangups: &mut Signal, interrupt: &mut Interrupt, screen: &Screen) {
    loop {
        tokio::select! {
            () = interrupt.requested() => return,
            _ = hangups.recv() => {
                // It may take as long as a registry and a compiler do.
                let Reloaded { plugins, problems, .. } = tokio::select! {
                    reloaded = platform.reload() => reloaded,
                    () = interrupt.requested() => return,
                };
                problems.iter().for_each(|problem| screen.line(&format!("warning: {problem}")));
                screen.line(&format!("the configuration was read anew: {}", count(plugins)));
            }
        }
    }
}

fn count(plugins: usize) -> String {
    if plugins == 1 { "1 plugin".to_owned() } else { format!("{plugins} plugins") }
}

/// The token that the variable holds, if it is set.
fn token() -> anyhow::Result<Option<Token>> {
    let Some(text) = std::env::var_os(TOKEN) else { return Ok(None) };
    match text.to_str().and_then(Token::new) {
        Some(token) => Ok(Some(token)),
        None => Err(Misuse(format!("{TOKEN} is set, and holds no token")).into()),
    }
}

/// The configuration; none if it cannot be used, and then each reason was said on a line of its own.
fn read(args: &ServeArgs, screen: &Screen) -> anyhow::Result<Option<PlatformConfig>> {
    match PlatformConfig::read(&args.config) {
        Ok(config) => Ok(Some(config)),
        Err(ConfigError::Problems(problems)) => {
            problems.iter().for_each(|problem| screen.line(&format!("error: {problem}")));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says what is wrong with the configuration, and which plugins would be loaded.
pub(super) async fn check(args: ServeArgs, out: &mut Out, screen: &Screen) -> anyhow::Result<Exit> {
    let Some(config) = read(&args, screen)? else { return Ok(Exit::Usage) };
    let (host, registry) = (loading_host(config.load_limits.clone())?, Registry::from_env());
    let mut documents = Vec::new();
    let mut exit = Exit::Done;
    let access = Platform::check(&config, token()?.as_ref(), args.listen).err().map(|error| error.to_string());
    if let Some(why) = &access {
        screen.line(&format!("error: {why}"));
        exit = Exit::Usage;
    }
    for plugin in &config.plugins {
        let inspected = plugin.component.inspect(&host, plugin.load_request(), &registry).await;
        let refusal = match inspected {
            Ok(inspection) => inspection.refusal.map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if refusal.is_some() {
            exit = Exit::Usage;
        }
        if !out.is_json() {
            out.result(&line(plugin, refusal.as_deref()), &())?;
        }
        documents.push(document(plugin, refusal.as_deref()));
    }
    if out.is_json() {
        let listen = args.listen.unwrap_or(config.listen).to_string();
        out.result("", &json!({"listen": listen, "refusal": access, "plugins": documents}))?;
    }
    Ok(exit)
}

fn line(plugin: &PluginConfig, refusal: Option<&str>) -> String {
    let component = name(&plugin.component.to_string()).to_string();
    let services = plugin.services.iter().map(|service| name(service).to_string()).collect::<Vec<_>>().join(", ");
    match refusal {
        None => format!("{component}: loads, for {services}"),
        Some(why) => format!("{component}: does not load: {why}"),
    }
}

fn document(plugin: &PluginConfig, refusal: Option<&str>) -> Value {
    json!({"component": plugin.component.to_string(), "services": plugin.services, "refusal": refusal})
}
