//! `check`: compares records and indexes.

use super::Session;
use crate::exit::Exit;
use crate::output::{check_report, finding};

pub(super) async fn check(repair: bool, session: &mut Session) -> anyhow::Result<Exit> {
    let report = session.store.check(repair).await?;
    if session.out.is_json() {
        session.out.result("", &check_report(&report))?;
    } else {
        for one in &report.findings {
            session.out.write(&format!("{}\n", finding(one)))?;
        }
        session.out.flush()?;
        session.screen.line(&format!(
            "checked {} records and {} index entries: {} disagreements, {} left",
            report.records,
            report.entries,
            report.found(),
            report.remaining(),
        ));
    }
    Ok(if report.remaining() == 0 { Exit::Done } else { Exit::Failed })
}
