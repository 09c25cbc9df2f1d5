//! Breaks one rule of the sandbox, which the first line of its input names.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use task_state_guest::{Failure, Plugin, TaskRecord, TaskStatus, current_task};
use test_guests::spin;

struct Misbehave;

impl Plugin for Misbehave {
    fn run(_task: TaskRecord) -> Result<(), Failure> {
        let mode = std::io::read_to_string(std::io::stdin())?;
        match mode.trim() {
            "spin" => spin(),
            "sleep" => sleep(Duration::from_secs(3_600)),
            "hog" => hog(),
            "trap" => panic!("the guest panics"),
            "exit" => std::process::exit(7),
            "dive" => _ = dive(0),
            "error" => return Err("the input makes no sense".into()),
            "complete-then-trap" => {
                current_task::set_status(TaskStatus::Completed, "done")?;
                panic!("after the end");
            }
            "complete-then-spin" => {
                current_task::set_status(TaskStatus::Completed, "done")?;
                spin();
            }
            "chatter" => chatter()?,
            "compute-in-pieces" => compute_in_pieces(),
            "look-around" => look_around(),
            other => return Err(format!("no such mode: {other:?}").into()),
        }
        Ok(())
    }
}

/// Computes a hundred times for a moment that is over before anybody looks, and sleeps after it, sometimes twice.
fn compute_in_pieces() {
    for piece in 0..100 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(3) {
            std::hint::black_box(piece);
        }
        sleep(Duration::from_millis(5));
        if piece % 2 == 0 {
            sleep(Duration::from_millis(1));
        }
    }
}

fn hog() {
    let mut pieces = Vec::new();
    loop {
        pieces.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

/// Calls itself far deeper than any stack.
fn dive(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    if depth < 1 << 40 { dive(depth + 1) + here[0] } else { 0 }
}

/// Prints more than is kept, to both streams, and at the end bytes that are no text.
fn chatter() -> std::io::Result<()> {
    for line in 0..10_000 {
        println!("line {line}");
        if line % 1_000 == 0 {
            eprintln!("to standard error {line}");
        }
    }
    std::io::stdout().write_all(b"broken: \xff\xfe.\n")?;
    println!("the end");
    Ok(())
}

/// Prints whatever it finds of the machine that it runs on.
fn look_around() {
    println!("arguments: {}", std::env::args().count());
    println!("environment: {}", std::env::vars().count());
    println!("files: {}", std::fs::read_dir("/").is_ok() || std::fs::write("x", "x").is_ok());
    println!("tcp: {}", std::net::TcpStream::connect("127.0.0.1:6379").is_ok());
    println!("udp: {}", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
}

task_state_guest::export!(Misbehave);
