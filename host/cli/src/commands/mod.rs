//! What the command does: one function for each of its commands, and the way there and back.

mod append;
mod author;
mod change;
mod compile;
mod inspect;
mod interrupt;
mod listing;
mod plugin_file;
mod queue;
mod registry;
mod run;
mod serve;
mod show;

pub(crate) use plugin_file::not_loaded;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use clap::error::ErrorKind;
use task_state_host::record::TaskId;
use task_state_host::store::{self, SharedStore};
use task_state_host::{CompilerProcess, StartError};
use task_state_registry::{ComponentError, RegistryError};

use crate::args::{self, Cli, Command, LogFormat, TaskCommand, TestArgs};
use crate::exit::Exit;
use crate::open_store;
use crate::output::{Out, Screen};
use crate::telemetry::Telemetry;

/// What a command works with.
struct Session {
    store: SharedStore,
    out: Out,
    screen: Screen,
}

/// The whole command, from its arguments to its exit code.
pub(crate) fn main() -> ExitCode {
    let screen = Screen::new();
    let cli = match Cli::try_parse() {
        Ok(Cli { command: Command::CompileComponent(_), .. }) => return CompilerProcess::serve(),
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &screen).into(),
    };
    let screen = if logs_json(&cli.command) { screen.structured() } else { screen };
    let exit = traced(cli, &screen).unwrap_or_else(|error| {
        screen.line(&format!("error: {}", args::flat(&format!("{error:#}"))));
        Exit::of_error(&error)
    });
    screen.end_guest();
    exit.into()
}

/// Carries out a command, and has what happens in it traced.
fn traced(cli: Cli, screen: &Screen) -> anyhow::Result<Exit> {
    let telemetry = Telemetry::from_env()?;
    screen.receive_traces(default_traces(&cli.command), telemetry.as_ref()).context("cannot start threads")?;
    let exit = execute(cli, screen);
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    exit
}

/// What is traced unless `RUST_LOG` says so: what a command does is on the screen already, and a platform has nothing
/// else to say it with.
fn default_traces(command: &Command) -> &'static str {
    match command {
        Command::Serve(_) => "error,task_state=info,task_state_host=info,task_state_serve=info",
        _ => "error,task_state=warn,task_state_host=warn",
    }
}

/// Whether a program is to read what the command says.
fn logs_json(command: &Command) -> bool {
    matches!(command, Command::Serve(args) if args.log_format == LogFormat::Json)
}

/// Shows the help that was asked for, or says on one line what is wrong with the arguments.
fn not_understood(error: &clap::Error, screen: &Screen) -> Exit {
    use ErrorKind::*;
    match error.kind() {
        DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
        }
        _ => screen.line(&format!("error: {} (see --help)", args::flat(&args::one_line(error)))),
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn execute(cli: Cli, screen: &Screen) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = runtime.block_on(dispatch(cli, screen));
    // A thread that reads standard input cannot be interrupted, and is not waited for.
    runtime.shutdown_background();
    result
}

async fn dispatch(cli: Cli, screen: &Screen) -> anyhow::Result<Exit> {
    // What is wrong with a run's arguments is said before any store is opened.
    let work = match cli.command {
        Command::Run(args) => Work::Run(Box::new(run::Job::new(*args)?)),
        Command::New(args) => return author::new(&args, screen),
        Command::Build(args) => return author::build(&args, screen),
        Command::Dev(args) => return author::dev(args, cli.output, screen).await,
        Command::Test(args) if args.record.is_none() => {
            return author::test(&args, &mut Out::new(cli.output), screen).await;
        }
        Command::Test(args) => Work::Record(args),
        Command::Compile(args) => return compile::compile(args, &mut Out::new(cli.output), screen).await,
        Command::Serve(args) if args.check => return serve::check(args, &mut Out::new(cli.output), screen).await,
        Command::Serve(args) => return serve::serve(args, cli.store, screen).await,
        Command::Inspect(args) => return inspect::inspect(args, &mut Out::new(cli.output), screen).await,
        Command::Push(args) => return registry::push(args, &mut Out::new(cli.output), screen).await,
        Command::Pull(args) => return registry::pull(args, &mut Out::new(cli.output)).await,
        // It was carried out before there were any threads.
        Command::CompileComponent(_) => return Ok(Exit::Done),
        Command::Tasks(command) => Work::Tasks(command),
    };
    let store = open_store::open(cli.store, screen).await?;
    let mut session = Session { store, out: Out::new(cli.output), screen: screen.clone() };
    let result = match work {
        Work::Run(job) => run::run(*job, &mut session).await,
        Work::Record(args) => author::record(&args, &mut session).await,
        Work::Tasks(command) => tasks(command, &mut session).await,
    };
    session.store.close().await;
    session.located(result)
}

/// What is to be done, once there is a store.
enum Work {
    Run(Box<run::Job>),
    Record(TestArgs),
    Tasks(TaskCommand),
}

async fn tasks(command: TaskCommand, session: &mut Session) -> anyhow::Result<Exit> {
    match command {
        TaskCommand::Save(args) => change::save(args, session).await?,
        TaskCommand::SetStatus(args) => change::set_status(args, session).await?,
        TaskCommand::AppendLog(args) => append::append_log(args, session).await?,
        TaskCommand::UpdateResult(args) => change::update_result(args, session).await?,
        TaskCommand::SetActiveJobs(args) => change::set_active_jobs(args, session).await?,
        TaskCommand::SetPriority(args) => change::set_priority(args, session).await?,
        TaskCommand::Cancel(args) => change::cancel(&args.id, session).await?,
        TaskCommand::Delete(args) => change::delete(&args.id, session).await?,
        TaskCommand::Get(args) => show::get(&args.id, session).await?,
        TaskCommand::Logs(args) => show::logs(&args, session).await?,
        TaskCommand::Users(args) => show::users(args.service.as_str(), session).await?,
        TaskCommand::NextId => show::next_id(session).await?,
        TaskCommand::PeekId => show::peek_id(session).await?,
        TaskCommand::Queue => queue::show(session).await?,
        TaskCommand::Pause(args) => queue::pause(&args.what(), session).await?,
        TaskCommand::Resume(args) => queue::resume(&args.what(), session).await?,
        TaskCommand::List(args) => listing::list(args, session).await?,
        TaskCommand::Wait(args) => return show::wait(args, session).await,
        TaskCommand::Check(args) => return show::check(args.repair, session).await,
    }
    Ok(Exit::Done)
}

impl Session {
    /// Says which store it was that could not be reached.
    fn located<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| match Exit::of_error(&error) {
            // A registry is no store, and its errors name it.
            Exit::Unreachable
                if !error.chain().any(|cause| cause.is::<RegistryError>() || cause.is::<ComponentError>()) =>
            {
                open_store::located(error, &self.store.location())
            }
            _ => error,
        })
    }
}

/// Names the task in an error that is about it.
trait AboutTask<T> {
    fn about(self, id: &TaskId) -> anyhow::Result<T>;
}

impl<T> AboutTask<T> for store::Result<T> {
    fn about(self, id: &TaskId) -> anyhow::Result<T> {
        self.map_err(|error| match error {
            store::Error::Unreadable { .. } | store::Error::InvalidValue(_) => error.into(),
            _ => anyhow::Error::new(error).context(format!("task {:?}", id.as_str())),
        })
    }
}

impl<T> AboutTask<T> for Result<T, StartError> {
    fn about(self, id: &TaskId) -> anyhow::Result<T> {
        match self {
            Err(StartError::Store(error)) => Err(error).about(id),
            other => Ok(other?),
        }
    }
}
