//! The alerts and the dashboard: that Prometheus takes them, and that they ask for what a platform tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use task_state_tests::command::{Finished, finish};
use task_state_tests::tasks::Status;

use super::files::{deploy, document, documents, root, skipped, text};
use super::guide::anchors;
use crate::fixture::{Request, Serving, Task, plugin};

/// What promtool says. None where there is none, which is said.
fn promtool(arguments: &[&str], file: &Path) -> Result<Option<Finished>> {
    let Some(program) = std::env::var_os("TASK_STATE_PROMTOOL") else {
        skipped("no rule is checked, for TASK_STATE_PROMTOOL names no promtool: run `cargo xtask test`");
        return Ok(None);
    };
    Ok(Some(finish(Command::new(program).args(arguments).arg(file))?))
}

/// The rules of the alerts.
fn alerts() -> Result<Option<Vec<Value>>> {
    let Some(file) = document("monitoring/alerts.yaml")? else { return Ok(None) };
    let groups = file["groups"].as_array().context("no groups")?;
    Ok(Some(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect()))
}

/// What the dashboard asks for, as Prometheus gets it.
fn asked_by_dashboard() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&text("monitoring/dashboard.json")?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions = targets.map(|target| target["expr"].as_str().context("no expression"));
    let resolved = |text: &str| text.replace("$__rate_interval", "5m").replace("$service", "analytics");
    expressions.map(|text| Ok(resolved(text?))).collect()
}

fn str_of<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key}: {value}"))
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_are_to() -> Result<()> {
    for (arguments, file) in [(["check", "rules"], "alerts.yaml"), (["test", "rules"], "alerts.test.yaml")] {
        let Some(said) = promtool(&arguments, &deploy("monitoring").join(file))? else { return Ok(()) };
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    Ok(())
}

#[test]
fn every_alert_has_a_time_at_which_it_fires_and_one_at_which_it_does_not() -> Result<()> {
    let (Some(alerts), Some(tests)) = (alerts()?, document("monitoring/alerts.test.yaml")?) else { return Ok(()) };
    let tests = tests["tests"].as_array().context("no tests")?;
    let times: Vec<&Value> = tests.iter().filter_map(|test| test["alert_rule_test"].as_array()).flatten().collect();
    for alert in &alerts {
        let name = str_of(alert, "alert")?;
        let of_it: Vec<bool> =
            times.iter().filter(|time| time["alertname"] == name).map(|time| time["exp_alerts"].is_array()).collect();
        assert!(of_it.contains(&true) && of_it.contains(&false), "{name}: {of_it:?}");
    }
    Ok(())
}

#[test]
fn every_alert_names_the_part_of_the_guide_that_says_what_to_do() -> Result<()> {
    let Some(alerts) = alerts()? else { return Ok(()) };
    for alert in &alerts {
        let (file, anchor) = str_of(&alert["annotations"], "runbook")?.split_once('#').context("no part")?;
        let guide = std::fs::read_to_string(root().join(file))?;
        assert!(anchors(&guide).contains(anchor), "{anchor}: {:?}", anchors(&guide));
        assert!(guide.contains(&format!("`{}`", str_of(alert, "alert")?)), "the guide does not name {alert}");
        assert!(["warning", "critical"].contains(&str_of(&alert["labels"], "severity")?));
        assert!(!str_of(&alert["annotations"], "summary")?.is_empty());
    }
    Ok(())
}

#[test]
fn prometheus_takes_what_the_dashboard_and_the_scaler_ask_for() -> Result<()> {
    let Some(scaler) = document("kubernetes/keda/scaledobject.yaml")? else { return Ok(()) };
    let query = str_of(&scaler["spec"]["triggers"][0]["metadata"], "query")?.to_owned();
    let asked: Vec<String> = asked_by_dashboard()?.into_iter().chain([query]).collect();
    let rules: Vec<Value> = asked
        .iter()
        .enumerate()
        .map(|(number, expr)| json!({"record": format!("asked:{number}"), "expr": expr}))
        .collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rules.yaml");
    // JSON is YAML.
    std::fs::write(&file, json!({"groups": [{"name": "asked", "rules": rules}]}).to_string())?;
    let Some(said) = promtool(&["check", "rules"], &file)? else { return Ok(()) };
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains(&format!("{} rules found", asked.len())), "{said:?}");
    Ok(())
}

/// The labels of each metric that is told.
fn told(metrics: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut told = BTreeMap::<String, BTreeSet<String>>::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap_or((line, ""));
        let labels = rest.split_once('}').map_or("", |(labels, _)| labels);
        let labels = labels.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        told.entry(name.to_owned()).or_default().extend(labels);
    }
    told
}

/// The words of an expression.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The labels that an expression names: those that are matched, and those in the lists after `by`.
fn labels(expression: &str) -> BTreeSet<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next()).flat_map(words);
    let matched = expression.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let matched = matched.flat_map(|all| all.split("\",")).filter_map(|one| words(one).next());
    lists.chain(matched).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_alerts_dashboard_and_scaler_ask_for_is_told() -> Result<()> {
    let Some(read) = documents(&[deploy("kubernetes/keda/scaledobject.yaml")])? else { return Ok(()) };
    let serving = Serving::on_sqlite(&plugin("'analytics'", "concurrency = 1")).await?;
    for (id, what, status) in [("done", "nothing", Status::Completed), ("failed", "fail", Status::Failed)] {
        serving.run(&Task::to(id, what)).await?;
        serving.until(id, status).await;
    }
    serving.run(&Task::to("runs", "wait")).await?;
    serving.until_logged("runs", "at work").await;
    serving.run(&Task::to("waits", "nothing")).await?;
    let told = told(&serving.ask(Request::get("/metrics")).await?.body);

    let query = str_of(&read[0].document["spec"]["triggers"][0]["metadata"], "query")?.to_owned();
    let alerts = alerts()?.context("no alerts")?;
    let of_alerts = alerts.iter().map(|alert| str_of(alert, "expr").map(str::to_owned)).collect::<Result<Vec<_>>>()?;
    let dashboard = asked_by_dashboard()?;
    assert!(dashboard.len() > 10 && of_alerts.len() > 5);
    for asked in dashboard.iter().chain(&of_alerts).chain([&query]) {
        let metrics: Vec<&str> = words(asked).filter(|word| word.starts_with("task_state_")).collect();
        assert!(!metrics.is_empty(), "{asked}");
        // Prometheus adds the process.
        let mut known = BTreeSet::from(["instance"]);
        for metric in metrics {
            let labels = told.get(metric).with_context(|| format!("{metric} is not told: {asked}"))?;
            known.extend(labels.iter().map(String::as_str));
        }
        assert!(labels(asked).is_subset(&known), "{:?} of {known:?}: {asked}", labels(asked));
    }
    let variable = text("monitoring/dashboard.json")?;
    let variable = variable.split("label_values(").nth(1).and_then(|rest| rest.split(',').next()).context("none")?;
    assert!(told.contains_key(variable), "{variable}");
    // The alert of failures has a status that there is.
    assert!(of_alerts.iter().any(|asked| asked.contains(&format!("status=\"{}\"", Status::Failed.as_str()))));
    Ok(())
}
