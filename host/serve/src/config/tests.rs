use std::collections::BTreeSet;

use task_state_host::Operation;
use task_state_host::store::Allowed;

use task_state_registry::Component;

use super::*;

fn parse(text: &str) -> Result<PlatformConfig, String> {
    PlatformConfig::parse(Path::new("conf/platform.toml"), text).map_err(|error| error.to_string())
}

/// A configuration with one plugin, of which `more` is said.
fn with(more: &str) -> String {
    format!("[[plugins]]\ncomponent = 'a.wasm'\nservices = ['s']\n{more}")
}

#[test]
fn what_a_platform_leaves_out_takes_its_default() {
    let config = parse(&with("")).unwrap();
    assert_eq!((config.store, config.tls, config.token_file), (None, None, None));
    assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
    assert_eq!((config.max_concurrent_runs, config.max_waiting_tasks), (256, 1_000_000));
    assert_eq!([config.settle, config.adopt_after, config.drain].map(|time| time.as_secs()), [2, 60, 30]);
    assert_eq!(config.load_limits, LoadLimits::default());
    let [plugin] = &config.plugins[..] else { panic!("{:?}", config.plugins) };
    assert_eq!(plugin.component, Component::File("conf/a.wasm".into()));
    assert_eq!((plugin.users.clone(), plugin.concurrency, plugin.per_user_concurrency), (Allowed::Any, None, None));
    assert_eq!((plugin.attempts, plugin.backoff.as_secs()), (1, 10));
    assert!(plugin.manifest.capabilities.is_empty());
}

#[test]
fn every_key_is_read() {
    let config = parse(
        "store='memory:'\nlisten='[::1]:80'\ntoken-file='token'\nmax-concurrent-runs=1\nmax-waiting-tasks=2\n\
         settle='3s'\nadopt-after='4s'\ndrain='5s'\n\
         [tls]\ncertificate='c.pem'\nkey='/k.pem'\n\
         [loading]\ncomponent='6MiB'\ncompile-memory=7\ncompile-time='8s'\n\
         [[plugins]]\ncomponent='/a.wasm'\nservices=['s','t']\nusers=['u']\nconcurrency=9\nper-user-concurrency=10\n\
         attempts=11\nbackoff='12s'\n\
         [plugins.grants]\noperations=['list']\n\
         [plugins.limits]\nmemory=13\n\
         [plugins.capabilities]\ndirectories=[{host='in',guest='/in'}]\n\
         [[plugins]]\ncomponent='b.wasm'\nservices=['s']\nusers=['v']\ngrants={services=['x'],users=['y']}",
    )
    .unwrap();
    assert_eq!(config.store, Some(StoreUrl::Memory));
    assert_eq!(config.listen.to_string(), "[::1]:80");
    assert_eq!(config.token_file.as_deref(), Some(Path::new("conf/token")));
    let tls = config.tls.unwrap();
    assert_eq!([tls.certificate, tls.key], [PathBuf::from("conf/c.pem"), PathBuf::from("/k.pem")]);
    assert_eq!((config.max_concurrent_runs, config.max_waiting_tasks), (1, 2));
    assert_eq!([config.settle, config.adopt_after, config.drain].map(|time| time.as_secs()), [3, 4, 5]);
    let loading = config.load_limits;
    assert_eq!((loading.component_bytes, loading.compile_memory_bytes), (6 << 20, 7));
    assert_eq!(loading.compile_time.as_secs(), 8);
    let [first, second] = &config.plugins[..] else { panic!("{:?}", config.plugins) };
    assert_eq!(first.component, Component::File("/a.wasm".into()));
    assert_eq!(
        (first.services.clone(), first.users.clone()),
        (["s", "t"].map(String::from).into(), Allowed::only(["u"]))
    );
    assert_eq!((first.concurrency, first.per_user_concurrency), (Some(9), Some(10)));
    assert_eq!((first.attempts, first.backoff.as_secs(), first.manifest.limits.memory_bytes), (11, 12, 13));
    assert_eq!(first.manifest.grants.services, Allowed::only(["s", "t"]));
    assert_eq!(first.manifest.grants.users, Allowed::only(["u"]));
    assert_eq!(first.manifest.grants.operations, BTreeSet::from([Operation::List]));
    assert!(first.manifest.capabilities.to_string().contains("\"conf/in\""));
    assert_eq!(second.manifest.grants.services, Allowed::only(["x"]));
    assert_eq!(second.manifest.grants.users, Allowed::only(["y"]));
}

#[test]
fn what_cannot_be_used_is_named_with_its_place_and_with_what_is_allowed() {
    for (text, expected) in [
        ("", "1:1: it names no plugin"),
        ("listen = ", "1:10: "),
        (
            &with("conc = 1"),
            "4:1: unknown field `conc`, expected one of `component`, `services`, `users`, `concurrency`",
        ),
        (&format!("stor = 'x'\n{}", with("")), "1:1: unknown field `stor`, expected one of `store`, `listen`"),
        (&format!("store = 5\n{}", with("")), "1:9: invalid type: integer `5`, expected a string"),
        (&format!("store = 'redis//u:PW@h'\n{}", with("")), "1:9: invalid store URL (not shown"),
        (&format!("listen = ':80'\n{}", with("")), "1:10: invalid address \":80\": it is an IP address and a port"),
        (&format!("drain = '30'\n{}", with("")), "1:9: invalid length of time \"30\": it is a number with a unit"),
        (
            &format!("max-waiting-tasks = 0\n{}", with("")),
            "1:21: invalid number of tasks \"0\": it is a whole number from 1",
        ),
        (&format!("token-file = ''\n{}", with("")), "1:14: invalid path \"\": it is empty"),
        (&format!("tls = {{ certificate = 'c' }}\n{}", with("")), "1:7: missing field `key`"),
        (
            &format!("loading = {{ memory = 1 }}\n{}", with("")),
            "1:13: unknown field `memory`, expected one of `component`",
        ),
        (
            &format!("loading = {{ component = 'x' }}\n{}", with("")),
            "1:25: limits.component: invalid amount of bytes \"x\"",
        ),
        ("plugins = []", "1:11: it names no plugin"),
        ("plugins = 1", "1:11: `plugins` is not a list of tables"),
        ("plugins = [1]", "1:12: it is not a table"),
        ("[[plugins]]\nservices = ['s']", "1:1: missing field `component`"),
        (&with("attempts = 0"), "4:12: invalid number of attempts \"0\": it is a whole number from 1 to 1000"),
        (&with("concurrency = -1"), "4:15: invalid number of runs \"-1\""),
        (&with("backoff = 10"), "4:11: invalid type: integer `10`, expected a string"),
        (&with("users = []"), "4:9: it names no user"),
        (&with("users = ['é', 'a:b']"), "4:15: invalid user id \"a:b\": it contains ':'"),
        (&with("users = ['a', 'a']"), "4:15: invalid user \"a\": it is there twice"),
        (&with("sha256 = 'abc'"), "4:10: sha256: invalid SHA-256 sum \"abc\": it is 64 hexadecimal digits"),
        (&with("limits = { memry = 1 }"), "4:12: unknown field `memry`, expected one of `memory`"),
        (&with("limits = { memory = 'lots' }"), "4:21: limits.memory: invalid amount of bytes \"lots\""),
        (&with("limits = { http = { total = 'soon' } }"), "4:29: limits.http.total: invalid length of time \"soon\""),
        (
            &with("limits = { component = 1 }"),
            "4:12: `component` is the whole platform's: it belongs into the table [loading]",
        ),
        (
            &with("grants = { operations = ['read', 'append'] }"),
            "4:34: grants.operations: invalid operation \"append\"",
        ),
        (
            &with("[plugins.capabilities]\nhttp = ['a.example', { host = 'https://x' }]"),
            "5:31: capabilities.http: invalid host",
        ),
        (&with("[plugins.capabilities]\nenvironment = { 'A=' = '1' }"), "5:17: capabilities.environment: invalid"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("conf/platform.toml:{expected}")), "{text}\n{error}");
    }
}

#[test]
fn a_file_that_is_nested_too_deeply_is_refused() {
    let error = parse(&format!("store = {}{}", "[".repeat(100_000), "]".repeat(100_000))).unwrap_err();
    assert!(error.starts_with("conf/platform.toml:1:"), "{error}");
}

#[test]
fn all_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let error = parse(&format!("listen = 'x'\n{}\n[[plugins]]\nservices = 1", with("attempts = 0\nbackoff = 'x'")))
        .unwrap_err();
    let places: Vec<&str> = error.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [1, 5, 6, 8].map(|line| {
            let column = [(1, 10), (5, 12), (6, 11), (8, 12)].iter().find(|place| place.0 == line).unwrap().1;
            format!("conf/platform.toml:{line}:{column}")
        })
    );
}

#[test]
fn no_task_has_two_plugins() {
    let two = |first: &str, second: &str| {
        let second = format!("[[plugins]]\ncomponent = 'b'\n{second}");
        parse(&format!("{}\n{second}", with(first)))
    };
    for (first, second, expected) in [
        ("", "services = ['t', 's']", "7:18: the plugin of line 3 runs everybody's tasks of service \"s\" already"),
        (
            "users = ['u']",
            "services = ['s']",
            "7:13: the plugin of line 3 runs the tasks of \"u\" of service \"s\" already",
        ),
        (
            "",
            "services = ['s']\nusers = ['u']",
            "8:9: the plugin of line 3 runs the tasks of \"u\" of service \"s\" already",
        ),
        (
            "users = ['u', 'v']",
            "services = ['s']\nusers = ['w', 'v']",
            "8:9: the plugin of line 3 runs the tasks of \"v\"",
        ),
    ] {
        let error = two(first, second).unwrap_err();
        assert!(error.starts_with(&format!("conf/platform.toml:{expected}")), "{error}");
    }
    assert!(two("users = ['u']", "services = ['s']\nusers = ['v']").is_ok());
    assert!(two("", "services = ['t']").is_ok());
}

#[test]
fn a_component_in_a_registry_is_read_and_one_that_cannot_be_is_named_with_its_place() {
    let sum = "0".repeat(64);
    let at = |component: &str, more: &str| format!("[[plugins]]\ncomponent = '{component}'\nservices = ['s']\n{more}");
    let pinned = format!("oci://registry.example.com/plugins/a:1.0@sha256:{sum}");
    for (component, more, is_plain) in [(pinned.as_str(), "", false), ("oci://r/a:1", "plain-http = true", true)] {
        let config = parse(&at(component, more)).unwrap();
        let Component::Artifact(artifact) = &config.plugins[0].component else { panic!("{config:?}") };
        assert_eq!((artifact.reference.to_string().as_str(), artifact.plain_http), (component, is_plain));
    }
    for (component, more, said) in [
        ("oci://r", "", "2:13: invalid reference \"oci://r\": it has the form oci://REGISTRY/REPOSITORY"),
        ("oci://r/a@sha256:1", "", "2:13: invalid digest \"sha256:1\""),
        ("oci://u:hunter2@r/a", "", "2:13: invalid reference (not shown, as it may hold a password)"),
        ("a.wasm", "plain-http = true", "4:14: `plain-http` is said of a component in a registry"),
        ("oci://r/a", "plain-http = 'yes'", "4:14: invalid type"),
    ] {
        let error = parse(&at(component, more)).unwrap_err();
        assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
    }
}
