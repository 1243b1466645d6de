//! Our own style sheet, script and icon. A file's name in a page carries a digest of what is in it, so browsers may keep it for ever.

use rust_embed::{EmbeddedFile, RustEmbed};

/// Characters of the digest in a name.
const DIGITS: usize = 16;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// A file that was asked for.
pub(crate) struct Asset {
    /// What is in it.
    pub(crate) file: EmbeddedFile,
    pub(crate) content_type: &'static str,
    /// Was it asked for by the digest that it has? While two versions of us run side by side, a page of one asks the other.
    pub(crate) is_exact: bool,
}

/// Where a page finds a file: `app.css` at `/assets/app-<digest>.css`.
pub(crate) fn address(name: &str) -> String {
    match (name.rsplit_once('.'), Assets::get(name)) {
        (Some((stem, extension)), Some(file)) => format!("/assets/{stem}-{}.{extension}", digest(&file)),
        _ => format!("/assets/{name}"),
    }
}

/// The file that goes by this name, with a digest or without.
pub(crate) fn find(name: &str) -> Option<Asset> {
    let (stem, extension) = name.rsplit_once('.')?;
    let content_type = match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    let (stem, asked) = stem.rsplit_once('-').unwrap_or((stem, ""));
    let wanted = format!("{stem}.{extension}");
    // Only what is there by this very name: no path leads anywhere else.
    let known = Assets::iter().any(|known| known == wanted.as_str());
    let file = Assets::get(&wanted).filter(|_| known)?;
    let is_exact = digest(&file) == asked;
    Some(Asset { file, content_type, is_exact })
}

fn digest(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_digest_and_nothing_else_is_found() {
        for name in ["app.css", "app.js", "icon.svg"] {
            let address = address(name);
            let asked = address.strip_prefix("/assets/").expect("an address of ours");
            assert!(find(asked).expect("found").is_exact, "{address}");
            assert!(!find(name).expect("found").is_exact);
        }
        for name in
            ["", "app", "app.html", "../Cargo.toml", "..-.css", "/etc/passwd", "app.css/x.css", "none.css"]
        {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
