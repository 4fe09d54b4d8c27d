//! The reference of all words, in a real browser.

use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, real, requests};
use crate::support::MLINFRA;

/// Types into the search as a person does, and says what is left.
const SEARCH: &str = "
    const box = document.getElementById('find');
    box.value = TEXT;
    box.dispatchEvent(new Event('input'));
    const shown = [...document.querySelectorAll('article')].filter(one => one.offsetHeight > 0);
    const all = [...document.querySelectorAll('section')];
    const sections = all.filter(one => one.offsetHeight > 0);
    return {
        shown: shown.map(one => one.id),
        sections: sections.length,
        said: document.getElementById('count').textContent,
    };";

fn search(browser: &Browser, text: &str) -> Value {
    browser.ask(&SEARCH.replace("TEXT", &json!(text).to_string()))
}

#[test]
fn the_page_of_words_is_searched_from_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new(MLINFRA)
        .args(["docs", "-o", "reference"])
        .current_dir(folder.path())
        .output()
        .expect("mlinfra starts");
    assert!(made.status.success(), "{made:?}");
    let page = folder.path().join("reference/reference.html");
    assert!(folder.path().join("reference/reference.md").is_file());

    let browser = Browser::start();
    for (scheme, paper) in [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")] {
        browser.look_as(scheme, 1280);
        browser.open(&page);
        let look = "const style = getComputedStyle(document.body);
            return [style.backgroundColor, document.activeElement.id];";
        assert_eq!(browser.ask(look), json!([paper, "find"]), "{scheme}");

        let all = search(&browser, "");
        let count = all["shown"].as_array().map_or(0, Vec::len);
        assert!(count > 100, "{count} words");
        assert_eq!(all["said"], format!("{count} words"));
        let one = search(&browser, "min_group fairness");
        assert_eq!(one["shown"], json!(["kind-evaluate-fairness"]));
        assert_eq!(one["said"], "1 word");
        assert_eq!(one["sections"], 1, "empty sections are hidden");
        assert_eq!(search(&browser, "no such word")["said"], "0 words");

        let keys = "
            const box = document.getElementById('find');
            box.blur();
            document.dispatchEvent(new KeyboardEvent('keydown', { key: '/' }));
            const focus = document.activeElement.id;
            document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
            return [focus, box.value];";
        assert_eq!(browser.ask(keys), json!(["find", ""]));
    }
    let said = browser.log("browser");
    assert_eq!(said, json!([]), "the browser's console is silent");
    let requests = requests(&browser.log("performance"));
    let page = format!("file://{}", real(&page));
    assert!(!requests.is_empty(), "requests are seen");
    assert!(
        requests
            .iter()
            .all(|one| *one == page || one.starts_with("data:")),
        "{requests:?}"
    );
}
