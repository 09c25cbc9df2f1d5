//! What a platform counts, as Prometheus reads it. No label names a task or a user.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};
use task_state_host::Observer;
use task_state_host::dispatch::Dispatcher;
use task_state_host::record::Status;
use task_state_host::store::{self, Waiting};

/// How long the store may take to say what waits.
const STORE_TIME: Duration = Duration::from_secs(5);

/// Seconds that calls of guests take.
const CALLS: [f64; 10] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 1.0, 10.0];

/// Seconds that tasks wait and runs take.
const RUNS: [f64; 12] = [0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0];

/// What a platform counts. Cheap to clone; all clones are the same. A [host](task_state_host::HostBuilder::observe)
/// tells it what happens.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    runs: IntCounterVec,
    run_duration: HistogramVec,
    queue_wait: HistogramVec,
    store_up: Gauge,
    runs_active: Gauge,
    streams: Gauge,
    host_calls: HistogramVec,
    store_errors: IntCounter,
    ended: AtomicU64,
}

impl Metrics {
    /// Metrics of a process that has at most so many runs under way at once.
    ///
    /// # Errors
    /// [`prometheus::Error`] if two of them have one name, which they do not.
    pub fn new(max_concurrent_runs: usize) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let registered = Registered(&registry);
        let limit = registered.gauge("runs_limit", "How many runs may be under way at once in this process.")?;
        limit.set(max_concurrent_runs as f64);
        let inner = Inner {
            runs: registered.counters(
                "runs_total",
                "Runs that have ended, by the status in which they left their task.",
                &["service", "status"],
            )?,
            run_duration: registered.histograms(
                "run_duration_seconds",
                "Seconds from the start of a run to its end.",
                &["service"],
                &RUNS,
            )?,
            queue_wait: registered.histograms(
                "queue_wait_seconds",
                "Seconds that a task has waited in the queue when its run begins.",
                &["service"],
                &RUNS,
            )?,
            streams: registered.gauge("streams", "Streams of events that are open in this process.")?,
            store_up: registered.gauge("store_up", "Whether the store has just answered this process: 1 or 0.")?,
            runs_active: registered.gauge("runs_active", "Runs that are under way in this process.")?,
            host_calls: registered.histograms(
                "host_call_duration_seconds",
                "Seconds that calls of plugins on the store take.",
                &["operation"],
                &CALLS,
            )?,
            store_errors: registered
                .counter("store_errors_total", "Calls on the store that it did not answer, or failed.")?,
            registry,
            ended: AtomicU64::new(0),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// How many runs have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// All of them, in the text format of Prometheus.
    pub(crate) async fn tell(&self, dispatcher: &Dispatcher, streams: usize) -> String {
        self.0.streams.set(streams as f64);
        let host = dispatcher.host();
        self.0.runs_active.set(host.runs().len() as f64);
        let asked = tokio::time::timeout(STORE_TIME, host.store().queue().waiting()).await;
        // What waits is not told where it is not known.
        let waiting = asked.unwrap_or_else(|_| Err(store::Error::Unavailable("no answer in time".to_owned())));
        self.0.store_up.set(f64::from(u8::from(waiting.is_ok())));
        let waiting = waiting.unwrap_or_else(|error| {
            self.store_error(&error);
            Vec::new()
        });
        let mut families = self.0.registry.gather();
        families.extend(queue(&waiting).unwrap_or_default());
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

/// What is told of a queue: of this moment, so that nothing is left of lanes that are empty by now.
fn queue(waiting: &[Waiting]) -> Made<Vec<MetricFamily>> {
    let labels = ["service", "priority"];
    let depth =
        GaugeVec::new(opts("queue_depth", "Tasks that wait in the queue of the store, of all processes."), &labels)?;
    let lag =
        GaugeVec::new(opts("queue_lag_seconds", "Seconds that the task has waited that waits the longest."), &labels)?;
    for one in waiting {
        let labels = [one.service.as_str(), one.priority.as_str()];
        depth.with_label_values(&labels).set((one.ready + one.delayed) as f64);
        lag.with_label_values(&labels).set(one.longest.unwrap_or_default().as_secs_f64());
    }
    let families = depth.collect().into_iter().chain(lag.collect());
    Ok(families.filter(|family| !family.get_metric().is_empty()).collect())
}

impl Observer for Metrics {
    fn host_call(&self, operation: &'static str, time: Duration) {
        self.0.host_calls.with_label_values(&[operation]).observe(time.as_secs_f64());
    }

    fn store_error(&self, _: &store::Error) {
        self.0.store_errors.inc();
    }

    fn run_begins(&self, service: &str, waited: Duration) {
        self.0.queue_wait.with_label_values(&[service]).observe(waited.as_secs_f64());
    }

    fn run_ended(&self, service: &str, status: Status, time: Duration) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        self.0.runs.with_label_values(&[service, status.as_str()]).inc();
        self.0.run_duration.with_label_values(&[service]).observe(time.as_secs_f64());
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}

/// Makes metrics with the prefix that all of them have.
struct Registered<'a>(&'a Registry);

type Made<T> = Result<T, prometheus::Error>;

impl Registered<'_> {
    fn add<T: prometheus::core::Collector + Clone + 'static>(&self, metric: T) -> Made<T> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str) -> Made<Gauge> {
        self.add(Gauge::with_opts(opts(name, help))?)
    }

    fn counter(&self, name: &str, help: &str) -> Made<IntCounter> {
        self.add(IntCounter::with_opts(opts(name, help))?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Made<IntCounterVec> {
        self.add(IntCounterVec::new(opts(name, help), labels)?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Made<HistogramVec> {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.add(HistogramVec::new(opts, labels)?)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("task_state_{name}"), help)
}
