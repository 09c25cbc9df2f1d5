//! The documentation: what it links to is there, and every reader finds his page in one step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::files::root;

/// The anchors of a page's headings, as GitHub makes them.
pub(super) fn anchors(page: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    let headings = prose(page).lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    headings.iter().map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let parts = page.split("\n```").enumerate().filter(|(number, _)| number % 2 == 0);
    parts.map(|(_, part)| part).collect::<Vec<_>>().join("\n")
}

/// Where the links of a page lead to.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The pages of the repository, without those that are made to be somewhere else.
fn pages() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]).current_dir(root());
    let listed = git.output()?;
    ensure!(listed.status.success(), "{listed:?}");
    let all = String::from_utf8(listed.stdout)?;
    Ok(all.lines().filter(|page| !page.contains("template")).map(|page| root().join(page)).collect())
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() -> Result<()> {
    let pages = pages()?;
    assert!(pages.len() > 5, "{pages:?}");
    for page in pages {
        let text = std::fs::read_to_string(&page)?;
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = match file {
                "" => page.clone(),
                file => page.parent().context("no folder")?.join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if let Some(anchor) = anchor {
                let there = std::fs::read_to_string(&target)?;
                assert!(anchors(&there).contains(anchor), "{}: {link}: {:?}", page.display(), anchors(&there));
            }
        }
    }
    Ok(())
}

#[test]
fn every_reader_finds_his_page_from_the_first_one() -> Result<()> {
    let first = links(&std::fs::read_to_string(root().join("README.md"))?);
    for page in [
        "guest/README.md",
        "host/README.md",
        "host/cli/deploy/README.md",
        "host/serve/README.md",
        "host/serve/OPERATORS.md",
    ] {
        assert!(first.iter().any(|link| link == page), "{page}: {first:?}");
        assert!(Path::new(&root()).join(page).is_file(), "{page}");
    }
    Ok(())
}
