//! The Rust SDK as a package of its own: in its repository it takes versions and lints from the workspace, and the contract
//! from a folder beside it.

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::project::File;

const WORKSPACE: &str = include_str!("../../../../Cargo.toml");
/// The versions that everything here is tested with. Cargo drops what the project has no use for.
const LOCKED: &[u8] = include_bytes!("../../../../Cargo.lock");
const CONTRACT: &[u8] = include_bytes!("../../../../wit/v0.1/sink.wit");
/// Where the SDK finds the contract, in its repository and in a project.
const CONTRACT_PATHS: (&str, &str) = ("\"../../wit/v0.1\"", "\"wit/v0.1\"");

/// The SDK's files, from those in its repository.
pub(super) fn sdk(files: impl Iterator<Item = (&'static str, &'static [u8])>) -> anyhow::Result<Vec<File>> {
    let mut sdk = vec![
        File { path: "Cargo.lock".to_owned(), content: LOCKED.to_owned() },
        File { path: "danube-sink/wit/v0.1/sink.wit".to_owned(), content: CONTRACT.to_owned() },
    ];
    for (path, content) in files {
        let content = match path {
            "Cargo.toml" => manifest(std::str::from_utf8(content)?).context("the SDK's manifest")?.into_bytes(),
            "src/bindings.rs" => {
                let text = std::str::from_utf8(content)?;
                anyhow::ensure!(text.contains(CONTRACT_PATHS.0), "the SDK's bindings are made from another place");
                text.replace(CONTRACT_PATHS.0, CONTRACT_PATHS.1).into_bytes()
            }
            _ => content.to_owned(),
        };
        sdk.push(File { path: format!("danube-sink/{path}"), content });
    }
    Ok(sdk)
}

/// The manifest with what the workspace gives written out.
fn manifest(text: &str) -> anyhow::Result<String> {
    let workspace: Table = WORKSPACE.parse()?;
    let workspace = workspace["workspace"].as_table().context("no workspace")?;
    let mut manifest: Table = text.parse()?;
    manifest.remove("lints");
    for (table, value) in &mut manifest {
        settle(table, value, workspace)?;
    }
    Ok(toml::to_string(&manifest)?)
}

/// Replaces `key.workspace = true` in a table, and in those in it, by what the workspace has there.
fn settle(table: &str, value: &mut Value, workspace: &Table) -> anyhow::Result<()> {
    let Value::Table(entries) = value else { return Ok(()) };
    for (key, value) in entries {
        let Value::Table(own) = value else { continue };
        if own.remove("workspace").is_none() {
            settle(key, value, workspace)?;
            continue;
        }
        let given =
            workspace.get(table).and_then(|table| table.get(key)).with_context(|| format!("no {table}.{key}"))?;
        *value = merged(given, own)?;
    }
    Ok(())
}

/// What the workspace gives, and what the package wants besides.
fn merged(given: &Value, own: &Table) -> anyhow::Result<Value> {
    if own.is_empty() {
        return Ok(given.clone());
    }
    let of_version = || Table::from_iter([("version".to_owned(), given.clone())]);
    let mut table = given.as_table().cloned().unwrap_or_else(of_version);
    for (key, value) in own {
        match (table.get_mut(key), value) {
            (Some(Value::Array(given)), Value::Array(more)) => given.extend(more.iter().cloned()),
            (Some(_), _) => bail!("`{key}` stands in both places"),
            (None, value) => drop(table.insert(key.clone(), value.clone())),
        }
    }
    Ok(Value::Table(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_a_workspace() {
        let manifest = manifest(include_str!("../../../../guest-sdk/rust/Cargo.toml")).unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
        let manifest: Table = manifest.parse().unwrap();
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        let json = manifest["dependencies"]["serde_json"]["features"].as_array().unwrap();
        assert_eq!(json.len(), 2, "{json:?}");
    }
}
