//! The manifests.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use task_state_host::plugin::parse_bytes;
use task_state_tests::command::{Shell, finish};
use task_state_tests::redis_server::RedisServer;

use super::files::{Platform, deploy, document, documents, find, text};
use super::image::Image;
use super::unit::AFTER_DRAIN;
use crate::fixture::{Request, Serving};

/// The YAML files of a folder.
fn files(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(deploy(folder))?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect())
}

/// The pod of the deployment, and the deployment.
fn deployment() -> Result<Option<(Value, Value)>> {
    let Some(deployment) = document("kubernetes/deployment.yaml")? else { return Ok(None) };
    Ok(Some((deployment["spec"]["template"]["spec"].clone(), deployment)))
}

fn seconds(value: &Value) -> Result<Duration> {
    Ok(Duration::from_secs(value.as_u64().with_context(|| format!("no seconds: {value}"))?))
}

#[test]
fn kubernetes_takes_every_manifest() -> Result<()> {
    let files = [files("kubernetes")?, files("kubernetes/keda")?].concat();
    let Some(read) = documents(&files)? else { return Ok(()) };
    for one in &read {
        assert_eq!(one.refusal, None, "{}", one.file.display());
    }
    assert!(read.len() >= files.len() && files.len() >= 8, "{files:?}");

    // What it would not take is found.
    let folder = tempfile::tempdir()?;
    for (wrong, right) in [("replica: 2", "replicas: 2"), ("containerPort: http", "containerPort: 9000")] {
        let file = folder.path().join("wrong.yaml");
        let text = text("kubernetes/deployment.yaml")?;
        ensure!(text.contains(right), "{right}");
        std::fs::write(&file, text.replace(right, wrong))?;
        let refused = documents(&[file])?.context("no Python")?;
        assert!(refused[0].refusal.is_some(), "{wrong}");
    }
    Ok(())
}

#[test]
fn every_manifest_is_in_its_kustomization() -> Result<()> {
    for folder in ["kubernetes", "kubernetes/keda"] {
        let Some(kustomization) = document(&format!("{folder}/kustomization.yaml"))? else { return Ok(()) };
        let named = kustomization["resources"].as_array().context("no resources")?;
        for file in files(folder)? {
            let name = file.file_name().and_then(|name| name.to_str()).context("no name")?;
            assert_eq!(named.contains(&json!(name)), name != "kustomization.yaml", "{folder}/{name}");
        }
        assert!(named.iter().all(|name| deploy(folder).join(name.as_str().unwrap_or_default()).is_file()), "{named:?}");
    }
    Ok(())
}

/// The overlay of the guide.
#[test]
fn an_overlay_names_the_image_the_configuration_and_the_scaler() -> Result<()> {
    let Some(kubectl) = find("kubectl") else {
        eprintln!("SKIPPED: there is no kubectl on the PATH");
        return Ok(());
    };
    let guide = text("README.md")?;
    let overlay = guide.split("```yaml\n").find(|block| block.contains("components:")).context("no overlay")?;
    let overlay = overlay.split("```").next().context("no end")?;
    let folder = tempfile::tempdir()?;
    let link = folder.path().join("task-state/host/cli");
    std::fs::create_dir_all(link.join("deploy/kubernetes/keda"))?;
    for file in [files("kubernetes")?, files("kubernetes/keda")?, vec![deploy("kubernetes/platform.toml")]].concat() {
        std::fs::copy(&file, link.join("deploy").join(file.strip_prefix(deploy(""))?))?;
    }
    let own = folder.path().join("platform");
    std::fs::create_dir(&own)?;
    std::fs::write(own.join("kustomization.yaml"), overlay)?;
    std::fs::write(own.join("platform.toml"), "max-concurrent-runs = 7\n")?;
    let built = finish(Command::new(kubectl).arg("kustomize").arg(&own))?;
    assert_eq!(built.code, Some(0), "{built:?}");
    let file = folder.path().join("built.yaml");
    std::fs::write(&file, &built.stdout)?;
    let Some(read) = documents(&[file])? else { return Ok(()) };
    assert!(read.iter().all(|one| one.refusal.is_none()), "{read:?}");
    let kind = |kind: &str| read.iter().map(|one| &one.document).find(|one| one["kind"] == kind).context("missing");
    let deployment = kind("Deployment")?;
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().context("no image")?;
    assert!(overlay.contains(image.split(':').next().context("no name")?), "{image}");
    assert_eq!(deployment["spec"]["replicas"], Value::Null, "the scaler says how many");
    assert_eq!(kind("ConfigMap")?["data"]["platform.toml"], "max-concurrent-runs = 7\n");
    kind("ScaledObject").map(drop)
}

#[test]
fn the_pod_may_do_nothing_that_the_restricted_standard_forbids() -> Result<()> {
    let Some((pod, _)) = deployment()? else { return Ok(()) };
    let (user, group) = Image::read()?.user()?;
    let of_pod = &pod["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(
        (&of_pod["runAsUser"], &of_pod["runAsGroup"], &of_pod["fsGroup"]),
        (&json!(user), &json!(group), &json!(group))
    );
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!((&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]), (&json!(false), &json!(false)));
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[key], Value::Null);
    }
    for container in pod["containers"].as_array().context("no containers")? {
        let of_container = &container["securityContext"];
        assert_eq!(of_container["allowPrivilegeEscalation"], false);
        assert_eq!(of_container["readOnlyRootFilesystem"], true);
        assert_eq!(of_container["capabilities"], json!({"drop": ["ALL"]}));
        assert_eq!(of_container["privileged"], Value::Null);
    }
    for volume in pod["volumes"].as_array().context("no volumes")? {
        assert!(["configMap", "secret", "emptyDir"].iter().any(|kind| !volume[kind].is_null()), "{volume}");
    }
    let namespace = document("kubernetes/namespace.yaml")?.context("no namespace")?;
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    Ok(())
}

#[test]
fn the_process_has_drained_before_it_is_killed() -> Result<()> {
    let Some((pod, deployment)) = deployment()? else { return Ok(()) };
    let platform = Platform::read("kubernetes/platform.toml")?;
    let waits = seconds(&pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"])?;
    let grace = seconds(&pod["terminationGracePeriodSeconds"])?;
    let drain = platform.drain()?;
    assert!(waits + drain + AFTER_DRAIN < grace, "{waits:?} and {drain:?} of {grace:?}");
    assert!(platform.longest_run()? <= drain, "a run may be longer than the process waits for it");
    // The new one is there before.
    let update = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!((&update["maxUnavailable"], &update["maxSurge"]), (&json!(0), &json!(1)));
    Ok(())
}

#[test]
fn what_runs_and_compilers_may_take_fits_into_the_memory_of_the_container() -> Result<()> {
    let Some((pod, _)) = deployment()? else { return Ok(()) };
    let limit = pod["containers"][0]["resources"]["limits"]["memory"].as_str().context("no limit")?;
    let limit = parse_bytes(&limit.replace('i', "iB"))? as u64;
    let most = Platform::read("kubernetes/platform.toml")?.most_memory()?;
    assert!(most + (256 << 20) <= limit, "{most} of {limit}");
    Ok(())
}

#[test]
fn the_pod_is_given_what_the_image_and_the_configuration_count_on() -> Result<()> {
    let Some((pod, deployment)) = deployment()? else { return Ok(()) };
    let (image, container) = (Image::read()?, &pod["containers"][0]);
    assert_eq!(container["args"], json!(image.arguments()?));
    let platform = Platform::read("kubernetes/platform.toml")?;
    let port = platform.listen()?.port();
    assert!(platform.listen()?.ip().is_unspecified());
    assert_eq!(image.last("EXPOSE")?, port.to_string());
    assert_eq!(
        (&container["ports"][0]["name"], &container["ports"][0]["containerPort"]),
        (&json!("http"), &json!(port))
    );
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], port.to_string());

    // What it writes to is a volume, unless it is where tasks are when there is no Redis.
    let mounts = container["volumeMounts"].as_array().context("no mounts")?;
    let at = |path: &str| mounts.iter().find(|mount| mount["mountPath"] == path).with_context(|| path.to_owned());
    for volume in image.words("VOLUME")?.iter().filter(|volume| *volume != "/var/lib/task-state") {
        let name = &at(volume)?["name"];
        let volumes = pod["volumes"].as_array().context("no volumes")?;
        assert!(volumes.iter().any(|one| one["name"] == *name && !one["emptyDir"].is_null()), "{volume}");
    }
    let config = text("kubernetes/platform.toml")?;
    let (folder, file) = ("/run/task-state", "operator.token");
    assert!(config.contains(&format!("\"{folder}/{file}\"")), "{config}");
    assert_eq!((&at(folder)?["name"], &at("/etc/task-state")?["name"]), (&json!("tokens"), &json!("config")));

    // The guide makes the secret with the keys that are read.
    let guide = text("README.md")?;
    let made = guide.lines().skip_while(|line| !line.contains("create secret generic task-state"));
    let made: String = made.take(3).collect();
    let secret = pod["volumes"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "tokens"));
    let secret = &secret.context("no secret")?["secret"];
    assert_eq!((&secret["secretName"], &secret["items"][0]["path"]), (&json!("task-state"), &json!(file)));
    for key in [&container["env"][0]["valueFrom"]["secretKeyRef"]["key"], &secret["items"][0]["key"]] {
        let key = key.as_str().context("no key")?;
        assert!(made.contains(&format!("{key}=")), "{key}: {made}");
    }
    Ok(())
}

#[test]
fn the_service_the_budget_and_the_policy_mean_the_pods_of_the_deployment() -> Result<()> {
    let Some((_, deployment)) = deployment()? else { return Ok(()) };
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let read = |name: &str| document(&format!("kubernetes/{name}.yaml"))?.context("nothing");
    let (service, budget, policy) = (read("service")?, read("poddisruptionbudget")?, read("networkpolicy")?);
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &service["spec"]["selector"],
        &budget["spec"]["selector"]["matchLabels"],
        &policy["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], "http");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    Ok(())
}

/// KEDA's own schema is not to be had without KEDA. These are the fields that its documentation has.
#[test]
fn the_scaler_asks_for_what_keda_documents_and_scales_the_deployment() -> Result<()> {
    let Some(scaler) = document("kubernetes/keda/scaledobject.yaml")? else { return Ok(()) };
    assert_eq!((&scaler["apiVersion"], &scaler["kind"]), (&json!("keda.sh/v1alpha1"), &json!("ScaledObject")));
    let spec = scaler["spec"].as_object().context("no spec")?;
    let known = ["scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount"];
    let known = [&known[..], &["minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers"]].concat();
    assert!(spec.keys().all(|key| known.contains(&key.as_str())), "{:?}", spec.keys());
    assert_eq!(
        spec["scaleTargetRef"],
        json!({"name": document("kubernetes/deployment.yaml")?.context("none")?["metadata"]["name"]})
    );
    let number = |value: &Value| value.as_u64().with_context(|| format!("no number: {value}"));
    assert!(
        number(&spec["minReplicaCount"])? >= 1 && spec["minReplicaCount"].as_u64() < spec["maxReplicaCount"].as_u64()
    );
    assert_eq!(spec["fallback"]["behavior"], "currentReplicasIfHigher");
    assert!(number(&spec["fallback"]["failureThreshold"])? > 0 && number(&spec["fallback"]["replicas"])? > 0);
    assert!(spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["policies"].is_array());

    let triggers = spec["triggers"].as_array().context("no triggers")?;
    assert_eq!((triggers.len(), &triggers[0]["type"]), (1, &json!("prometheus")));
    // Fallback is for averages alone, which a trigger has unless it says otherwise.
    assert_eq!(triggers[0]["metricType"], Value::Null);
    let metadata = triggers[0]["metadata"].as_object().context("no metadata")?;
    let known = ["serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues"];
    for (key, value) in metadata {
        assert!(known.contains(&key.as_str()) && value.is_string(), "{key}: {value}");
    }
    let threshold: u64 = metadata["threshold"].as_str().context("no threshold")?.parse()?;
    let platform = text("kubernetes/platform.toml")?;
    let room = platform.lines().find_map(|line| line.strip_prefix("max-concurrent-runs = ")).context("no room")?;
    assert!(threshold <= room.parse()?, "more processes come before those that there are, are full");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_by_whatever_name_they_ask_and_the_store_kills_no_process() -> Result<()> {
    let Some((pod, _)) = deployment()? else { return Ok(()) };
    let mut redis = RedisServer::start().await?;
    let shell = Shell::at(redis.url())?;
    let config = Platform::read("kubernetes/platform.toml")?.here(shell.directory())?;
    let serving = Serving::start(shell, &config).await?;
    let container = &pod["containers"][0];
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
    let ask = async |probe: &str| -> Result<u16> {
        let probe = &container[probe]["httpGet"];
        assert_eq!(probe["port"], "http");
        // As kubelet does: by the address of the pod.
        let request = Request::get(probe["path"].as_str().context("no path")?).header("host", "10.1.2.3:9000");
        Ok(serving.ask(request).await?.status)
    };
    for probe in probes {
        assert_eq!(ask(probe).await?, 200, "{probe}");
    }
    redis.kill();
    assert_eq!((ask("readinessProbe").await?, ask("livenessProbe").await?), (503, 200));
    Ok(())
}
