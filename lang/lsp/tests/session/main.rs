//! Sessions with the server over two pipes: what it answers, and what it lives through.

mod client;
mod typing;

use mlinfra_lsp::{Ended, serve};
use serde_json::{Value, json};

use client::{Files, Session};

const A: &str = "file:///p/a.mlinfra";
const WRONG: &str = "target here = local()\nstorage lake on here {\n  capacitty = 2 GiB\n}\n";

#[test]
fn findings_come_and_go_as_one_types() {
    let (mut session, answer) = Session::start(&[], json!({}));
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
    session.open(A, WRONG);
    assert_eq!(session.codes(A), ["E0202"]);
    let range = json!({
        "start": { "line": 2, "character": 2 }, "end": { "line": 2, "character": 11 },
    });
    session.change(A, 2, json!([{ "range": range, "text": "capacity" }]));
    assert!(session.codes(A).is_empty());
    session.change(A, 3, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    session.close(A);
    assert!(session.codes(A).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_burst_of_changes_is_looked_at_once() {
    let (mut session, _) = Session::start(&[], json!({}));
    let mut burst = Vec::new();
    let mut push = |method: &str, parameters: Value| {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": parameters });
        let text = message.to_string();
        burst.extend(format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes());
    };
    let document = json!({ "uri": A, "languageId": "mlinfra", "version": 0, "text": "" });
    push("textDocument/didOpen", json!({ "textDocument": document }));
    for version in 1..=400 {
        let text = format!("{WRONG}{}", "// more\n".repeat(version));
        let document = json!({ "uri": A, "version": version });
        let changes = json!([{ "text": text }]);
        push(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
    }
    session.raw(&burst);
    let mut looks = 0;
    loop {
        let message = session.read();
        looks += 1;
        if message["params"]["version"] == 400 {
            break;
        }
    }
    assert!(looks < 100, "{looks}");
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn columns_are_utf16_unless_the_editor_offers_utf8() {
    let text = "let x = \"\u{1f600}\u{e9}\" + nothing\n";
    for (capabilities, column) in [
        (json!({}), 16),
        (
            json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } }),
            19,
        ),
    ] {
        let (mut session, _) = Session::start(&[], capabilities);
        session.open(A, text);
        let message = session.read();
        let range = &message["params"]["diagnostics"][0]["range"];
        assert_eq!(range["start"]["character"], column, "{message}");
        assert_eq!(range["end"]["character"], column + 7);
        assert_eq!(session.end(), Ended::Properly);
    }
}

#[test]
fn a_used_file_is_checked_with_the_spec_that_uses_it() {
    let main_text = "use \"parts/keys.mlinfra\".{ vault }\ntarget here = local()\n\
                     storage lake on here { encryption = customer(vault) }\n";
    let keys_text = "let days = 90\nkey vault\n";
    let files = [
        ("/p/main.mlinfra", main_text),
        ("/p/parts/keys.mlinfra", keys_text),
        ("/p/other.mlinfra", "let x = nothing\n"),
    ];
    let keys = "file:///p/parts/keys.mlinfra";
    let main = "file:///p/main.mlinfra";
    let (mut session, _) = Session::start(&files, json!({}));
    session.open(keys, &keys_text.replace("vault", "vaultt"));
    // The fault shows in the file that uses this one, which is not open.
    assert_eq!(session.codes(main), ["E0105"]);
    session.change(keys, 2, json!([{ "text": keys_text }]));
    assert!(session.codes(main).is_empty());
    assert_eq!(session.codes(keys), ["E0213"]);
    // Without anything open nothing is shown.
    session.close(keys);
    assert!(session.codes(keys).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_bug_in_a_check_is_told_and_lived_through() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, "use \"bug.mlinfra\".{ x }\n");
    let told = session.read();
    assert_eq!(told["method"], "window/logMessage", "{told}");
    let text = told["params"]["message"].as_str().expect("a text");
    assert!(
        text.contains("a bug in mlinfra") && text.contains("this file is a bug"),
        "{text}"
    );
    session.change(A, 2, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn malformed_messages_are_answered_and_lived_through() {
    let (mut session, _) = Session::start(&[], json!({}));
    for bad in [
        "Content-Length: 1\r\n\r\n{",
        "Content-Length: x\r\n\r\n",
        "noise\r\n\r\n",
    ] {
        session.raw(bad.as_bytes());
    }
    session.tell("textDocument/didOpen", json!({ "textDocument": 3 }));
    session.tell("textDocument/didOpen", Value::Null);
    session.tell("$/unknown", json!([1, 2]));
    session.tell("unknown", json!({}));
    session.change("file:///p/never.mlinfra", 1, json!([{ "text": "" }]));
    for (method, parameters, code) in [
        ("textDocument/hover", json!({}), -32602),
        ("textDocument/hover", json!([null]), -32602),
        ("textDocument/codeAction", json!("x"), -32602),
        ("textDocument/unknown", json!({}), -32601),
        ("initialize", json!({}), -32600),
    ] {
        let answer = session.ask(method, parameters);
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let errors = session
        .notes
        .iter()
        .filter(|note| note["error"]["code"] == -32700);
    assert_eq!(errors.count(), 2);
    session.open(A, WRONG);
    assert_eq!(session.codes(A), ["E0202"]);
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_text_that_is_no_file_is_checked_alone() {
    let (mut session, _) = Session::start(&[], json!({}));
    let uri = "untitled:Untitled-1";
    session.open(uri, "use \"other.mlinfra\".{ x }\nlet y = x\n");
    assert_eq!(session.codes(uri), ["E0101"]);
    let place =
        json!({ "textDocument": { "uri": uri }, "position": { "line": 1, "character": 1 } });
    let answer = session.ask("textDocument/hover", place);
    assert!(
        answer["result"]["contents"]["value"].is_string(),
        "{answer}"
    );
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn an_editor_that_understands_more_is_told_more() {
    let twice = "storage lake on here {}\nstorage lake on here {}\ntarget here = local()\n";
    let capabilities = json!({
        "textDocument": { "publishDiagnostics": { "relatedInformation": true } },
        "workspace": {
            "workspaceEdit": { "documentChanges": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
        },
    });
    let (mut session, _) = Session::start(&[], capabilities);
    let asked = session.read();
    assert_eq!(asked["method"], "client/registerCapability", "{asked}");
    session.write(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": null }));
    session.open(A, twice);
    let shown = session.read();
    let related = &shown["params"]["diagnostics"][0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], A, "{shown}");
    assert_eq!(related["location"]["range"]["start"]["line"], 0);
    session.change(A, 7, json!([{ "text": WRONG }]));
    assert_eq!(session.codes(A), ["E0202"]);
    let parameters = json!({
        "textDocument": { "uri": A },
        "range": { "start": { "line": 2, "character": 4 }, "end": { "line": 2, "character": 4 } },
        "context": { "diagnostics": [], "only": ["quickfix"] },
    });
    let answer = session.ask("textDocument/codeAction", parameters.clone());
    let change = &answer["result"][0]["edit"]["documentChanges"][0];
    assert_eq!(
        change["textDocument"],
        json!({ "uri": A, "version": 7 }),
        "{answer}"
    );
    assert_eq!(change["edits"][0]["newText"], "capacity");
    // Elsewhere, and of another kind, nothing is offered.
    for (pointer, value) in [
        (
            "/range",
            json!({ "start": { "line": 0, "character": 0 },
                           "end": { "line": 0, "character": 1 } }),
        ),
        ("/context/only", json!(["refactor"])),
    ] {
        let mut other = parameters.clone();
        *other.pointer_mut(pointer).expect("it is there") = value;
        let answer = session.ask("textDocument/codeAction", other);
        assert_eq!(answer["result"], json!([]), "{pointer}");
    }
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn order_matters() {
    let files = Files::default();
    let message = |id: i32, method: &str| {
        let text = json!({ "jsonrpc": "2.0", "id": id, "method": method }).to_string();
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    };
    let exit = "Content-Length: 33\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}";
    let words = [
        "textDocument/hover",
        "initialize",
        "shutdown",
        "textDocument/hover",
    ];
    let stream: String = (1..)
        .zip(words)
        .map(|(id, word)| message(id, word))
        .collect();
    let mut output = Vec::new();
    let input = std::io::Cursor::new(format!("{stream}{exit}").into_bytes());
    assert_eq!(serve(&files, input, &mut output), Ended::Properly);
    let output = String::from_utf8(output).expect("text");
    assert!(output.contains("-32002"), "before `initialize`: {output}");
    assert!(output.contains("-32600"), "after `shutdown`: {output}");
    for stream in [String::new(), exit.to_owned(), message(1, "initialize")] {
        let input = std::io::Cursor::new(stream.into_bytes());
        assert_eq!(serve(&files, input, &mut Vec::new()), Ended::Abandoned);
    }
}

/// Four folders, one in the other, of a hundred specs each; each uses a file that is not there.
fn many_specs() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folder = String::new();
    for depth in 0..4 {
        folder += &format!("/f{depth}");
        for number in 0..100 {
            let text = format!("use \"parts/p{number}.mlinfra\"\nlet x = 1\n");
            files.push((format!("{folder}/s{number}.mlinfra"), text));
        }
    }
    files
}

#[test]
fn saving_reads_a_few_files_however_many_lie_around() {
    let files = many_specs();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let texts: Vec<String> = (0..5)
        .map(|number| format!("file:///f0/f1/f2/f3/open{number}.mlinfra"))
        .collect();
    let watches = json!({
        "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } },
    });
    // One that watches tells of each file that changes; for one that does not, at most a hundred
    // specs are looked at, each twice and with what it uses, for all open texts together.
    for (capabilities, most) in [(watches, 0), (json!({}), 305)] {
        let (mut session, _) = Session::start(&files, capabilities);
        for uri in &texts {
            session.open(uri, "let y = 2\n");
            assert!(session.codes(uri).is_empty());
        }
        let reads = session.reads_on_save(&texts[0]);
        println!("{reads} files read on a save");
        assert!(reads <= most, "{reads}");
        assert_eq!(session.end(), Ended::Properly);
    }
}

#[test]
fn a_spec_full_of_faults_has_its_first_findings() {
    let (mut session, _) = Session::start(&[], json!({}));
    session.open(A, &"let x = nothing\n".repeat(4_000));
    let codes = session.codes(A);
    assert_eq!(codes.len(), 101);
    assert!(codes.contains(&"E0322".to_owned()));
    // Typing goes on as before.
    session.change(A, 2, json!([{ "text": "let x = 1\n" }]));
    assert!(session.codes(A).is_empty());
    assert_eq!(session.end(), Ended::Properly);
}

#[test]
fn a_word_leads_to_where_it_is_declared() {
    let keys_text = "let days = 90\n\nkey vault\n";
    let main_text = "use \"parts/keys.mlinfra\".{ vault }\ntarget here = local()\n\
                     storage lake on here { encryption = customer(vault) }\n";
    let files = [
        ("/p/main.mlinfra", main_text),
        ("/p/parts/keys.mlinfra", keys_text),
    ];
    let (mut session, answer) = Session::start(&files, json!({}));
    assert_eq!(answer["capabilities"]["definitionProvider"], true);
    let main = "file:///p/main.mlinfra";
    session.open(main, main_text);
    let found = session.answer("definition", main, 2, 17);
    assert_eq!(found["uri"], main, "{found}");
    assert_eq!(
        found["range"]["start"],
        json!({ "line": 1, "character": 7 })
    );
    for (line, character) in [(2, 46), (0, 28)] {
        let found = session.answer("definition", main, line, character);
        assert_eq!(found["uri"], "file:///p/parts/keys.mlinfra", "{found}");
        assert_eq!(
            found["range"]["start"],
            json!({ "line": 2, "character": 4 })
        );
    }
    assert_eq!(session.answer("definition", main, 2, 3), Value::Null);
    assert_eq!(session.end(), Ended::Properly);
}
