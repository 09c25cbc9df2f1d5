//! The input and the output of a plugin: those of the component, or in a test those of the task.

use std::fmt;
use std::io::{self, BufRead, Read, StdinLock, Write};

#[cfg(all(not(target_family = "wasm"), feature = "testing"))]
pub(crate) use test::Streams;

/// The task's input: standard input; in a test on `testing`, what the test gives the task.
///
/// ```no_run
/// use std::io::BufRead;
///
/// for line in task_state_guest::input().lines() {
///     println!("{} bytes", line?.len());
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// Outside of a test it holds the lock of standard input until it is dropped: a second one on the same thread waits for
/// ever.
pub fn input() -> Input {
    #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
    if let Some(streams) = crate::testing::streams() {
        return Input(Source::Test(streams));
    }
    Input(Source::Standard(io::stdin().lock()))
}

/// Where the task's output goes: standard output; in a test on `testing`, what the run tells as its output.
///
/// `println!` does the same in a component; in a test its text is not caught.
///
/// ```
/// use std::io::Write;
///
/// writeln!(task_state_guest::output(), "42 rows")?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn output() -> Output {
    #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
    if let Some(streams) = crate::testing::streams() {
        return Output(Sink::Test(streams));
    }
    Output(Sink::Standard(io::stdout()))
}

/// A reader of the task's input: see [`input`].
pub struct Input(Source);

enum Source {
    Standard(StdinLock<'static>),
    #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
    Test(Streams),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Standard(stdin) => stdin.read(buffer),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Source::Test(streams) => {
                let read = streams.rest().read(buffer)?;
                streams.consume(read);
                Ok(read)
            }
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.0 {
            Source::Standard(stdin) => stdin.fill_buf(),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Source::Test(streams) => Ok(streams.rest()),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.0 {
            Source::Standard(stdin) => stdin.consume(amount),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Source::Test(streams) => streams.consume(amount),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

/// A writer of the task's output: see [`output`].
pub struct Output(Sink);

enum Sink {
    Standard(io::Stdout),
    #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
    Test(Streams),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Sink::Standard(stdout) => stdout.write(bytes),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Sink::Test(streams) => {
                streams.print(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Standard output has a line in one piece this way, and by `write` what it holds back first.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Sink::Standard(stdout) => stdout.write_all(bytes),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Sink::Test(streams) => {
                streams.print(bytes);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Sink::Standard(stdout) => stdout.flush(),
            #[cfg(all(not(target_family = "wasm"), feature = "testing"))]
            Sink::Test(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

#[cfg(all(not(target_family = "wasm"), feature = "testing"))]
mod test {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    /// The input and the output of a task in a test. All clones are the same.
    #[derive(Debug, Clone)]
    pub(crate) struct Streams {
        input: Rc<[u8]>,
        read: Rc<Cell<usize>>,
        printed: Rc<RefCell<Vec<u8>>>,
    }

    impl Streams {
        pub(crate) fn new(input: Vec<u8>) -> Self {
            Self { input: input.into(), read: Rc::default(), printed: Rc::default() }
        }

        /// What has not been read yet.
        pub(super) fn rest(&self) -> &[u8] {
            &self.input[self.read.get()..]
        }

        pub(super) fn consume(&self, amount: usize) {
            self.read.set((self.read.get() + amount).min(self.input.len()));
        }

        pub(super) fn print(&self, bytes: &[u8]) {
            self.printed.borrow_mut().extend_from_slice(bytes);
        }

        /// All that was printed.
        pub(crate) fn printed(&self) -> Vec<u8> {
            self.printed.borrow().clone()
        }
    }
}
