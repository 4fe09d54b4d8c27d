//! Answers and findings while somebody types.

use mlinfra_lsp::Ended;
use serde_json::{Value, json};

use crate::client::Session;
use crate::{A, WRONG};

#[test]
fn who_types_is_answered_from_what_was_typed() {
    let (mut session, _) = Session::start(&[], json!({}));
    let text = "target here = local()\nstorage lake on here {\n  class = ssd\n}\n";
    session.open(A, text);
    assert!(session.codes(A).is_empty());
    // The question stands right behind the change, before anything is found of it.
    for version in 2..40 {
        let line = json!({ "line": 2, "character": 2 });
        let range = json!({ "start": line, "end": line });
        let text = "capa\n  ";
        session.change(A, version, json!([{ "range": range, "text": text }]));
        let offered = session.answer("completion", A, 2, 6);
        assert_eq!(offered[0]["label"], "capacity", "{version}: {offered}");
        let said = session.answer("hover", A, 2 + (version as u32 - 1), 3);
        assert!(said.to_string().contains("class"), "{version}: {said}");
        let end = json!({ "line": 3, "character": 2 });
        let range = json!({ "start": line, "end": end });
        session.change(A, version, json!([{ "range": range, "text": "" }]));
        session.change(
            A,
            version,
            json!([{ "range": { "start": line, "end": line }, "text": "// more\n  " }]),
        );
    }
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn fixes_wait_for_the_text_as_it_is() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, "target here = local()\n");
    for version in 2..10 {
        let text = format!("{}{WRONG}", "// more\n".repeat(version as usize));
        session.change(A, version, json!([{ "text": text }]));
        let at = json!({ "line": version + 2, "character": 4 });
        let parameters = json!({
            "textDocument": { "uri": A }, "range": { "start": at, "end": at },
            "context": { "diagnostics": [] },
        });
        let answer = session.ask("textDocument/codeAction", parameters);
        let edit = &answer["result"][0]["edit"]["changes"][A][0];
        assert_eq!(edit["newText"], "capacity", "{answer}");
        assert_eq!(edit["range"]["start"]["line"], version + 2, "{answer}");
    }
    assert_eq!(session.end(), Ended::Properly);
}

/// Numbers that look random and are the same each time.
fn random(state: &mut u64, end: usize) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % end.max(1)
}

const MAIN: &str = "use \"keys.mlinfra\".{ vault, days, twice }\ntarget here = local()\n\n\
    storage lake on here {\n  encryption = customer(vault)\n  retention  = 30 days\n}\n\n\
    dataset people {\n  from = file(\"p.csv\")\n  keep = lake\n  columns {\n    \
    age : int @personal\n    pay : int?\n  }\n}\n\npool worker on here { cpus >= 2 }\n\n\
    pipeline p on worker {\n  step clean = drop_nulls(people)\n  step more = derive(clean) {\n    \
    old = age > twice(30)\n  }\n}\n\nlet some = days + 3\noutput sum = twice(some)\n";
const KEYS: &str = "key vault\nlet days = 90\nfunction twice(x: int): int = x * 2\n";

/// What is typed; nothing takes away.
const PIECES: [&str; 11] = [
    "",
    "",
    "x",
    "\n",
    "}",
    "{",
    "\"",
    " = 3\n",
    "let z = 1\n",
    "age",
    "(",
];

/// An edit at a place that chance decides, as the protocol writes it; made in the text too.
fn edit(text: &mut String, state: &mut u64) -> Value {
    let start = random(state, text.len());
    let end = (start + [0, 0, 1, 3, 30][random(state, 5)]).min(text.len());
    let piece = PIECES[random(state, PIECES.len())];
    let at = |offset: usize| {
        let before = &text[..offset];
        let line = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        json!({ "line": line, "character": offset - start })
    };
    let range = json!({ "start": at(start), "end": at(end) });
    text.replace_range(start..end, piece);
    json!([{ "range": range, "text": piece }])
}

#[test]
fn after_every_edit_the_findings_are_those_of_the_text() {
    let paths = ["/p/main.mlinfra", "/p/keys.mlinfra"];
    let uris = paths.map(|path| format!("file://{path}"));
    let mut texts = [MAIN.to_owned(), KEYS.to_owned()];
    let utf8 = json!({ "general": { "positionEncodings": ["utf-8"] } });
    let (mut session, _) = Session::start(&[(paths[0], MAIN), (paths[1], KEYS)], utf8.clone());
    for (uri, text) in uris.iter().zip(&texts) {
        session.open(uri, text);
    }
    let mut state = 11;
    let mut found = 0;
    for version in 2..302 {
        let file = random(&mut state, 5) / 4;
        let changes = edit(&mut texts[file], &mut state);
        session.change(&uris[file], version, changes);
        // Most edits are taken back, so that something is left to be right or wrong.
        if random(&mut state, 4) == 0 {
            continue;
        }
        let disk = [(paths[0], texts[0].as_str()), (paths[1], texts[1].as_str())];
        let (mut fresh, _) = Session::start(&disk, utf8.clone());
        fresh.open(&uris[file], &texts[file]);
        let wanted = fresh.findings(&uris[file], 1);
        fresh.end();
        let shown = session.findings(&uris[file], version);
        assert_eq!(shown, wanted, "{version}: {}", texts[file]);
        found += shown.as_array().map_or(0, Vec::len);
        texts[file] = [MAIN, KEYS][file].to_owned();
        let whole = json!([{ "text": texts[file] }]);
        session.change(&uris[file], 1_000 + version, whole);
    }
    assert!(found > 100, "{found}");
    assert_eq!(session.end(), Ended::Properly);
}
