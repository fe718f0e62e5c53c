//! `include/coppice.h` is made from what the sources declare for C, with the words that stand there: it is never edited.
//! With `COPPICE_HEADER=write` this writes it; without, it says whether it is up to date.

use std::fmt::Write;
use std::path::PathBuf;

/// In the order of the header.
const SOURCES: [&str; 12] = [
    "version",
    "code",
    "call",
    "database",
    "write",
    "read",
    "snapshot",
    "range",
    "iterator",
    "batch",
    "conflict",
    "transaction",
];
const LAST: &str = "maintenance";
/// Of Rust, and of C where it is not the same in small letters.
const HANDLES: [(&str, &str); 5] = [
    ("Database", "db"),
    ("Snapshot", "snapshot"),
    ("RowIterator", "iterator"),
    ("Batch", "batch"),
    ("Transaction", "transaction"),
];
const STRUCTURES: [(&str, &str); 6] = [
    ("Recovery", "recovery"),
    ("Entry", "entry"),
    ("Bytes", "bytes"),
    ("KeyRange", "range"),
    ("Row", "row"),
    ("Conflict", "conflict"),
];

fn c_type(rust: &str) -> String {
    let rust = rust.replace("<'_>", "").replace("<'a>", "").replace("'_, ", "");
    let inside = |prefix: &str| rust.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(of) = inside("Out<") {
        let of = c_type(of);
        return format!("{of}{}*", if of.ends_with('*') { "" } else { " " });
    }
    if let Some(of) = inside("Option<Box<").and_then(|of| of.strip_suffix('>')) {
        return format!("{} *", c_type(of));
    }
    if let Some(of) = inside("Option<&") {
        let is_handle = HANDLES.iter().any(|(name, _)| *name == of);
        return format!("{}{} *", if is_handle { "" } else { "const " }, c_type(of));
    }
    if let Some((_, name)) = HANDLES.iter().chain(&STRUCTURES).find(|(name, _)| *name == rust) {
        return format!("coppice_{name}");
    }
    let known = match rust.as_str() {
        "i32" => "int32_t",
        "u32" => "uint32_t",
        "i64" => "int64_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "Code" => "coppice_code",
        "Data" | "*const u8" => "const void *",
        "Text" | "*const c_char" => "const char *",
        "Texts" => "const char *const *",
        "Room" | "Owned" => "void *",
        other => panic!("{other} has no type in C yet"),
    };
    known.to_owned()
}

fn declare(rust: &str, name: &str) -> String {
    let of = c_type(rust);
    format!("{of}{}{name}", if of.ends_with('*') { "" } else { " " })
}

/// What follows a comment in a source.
struct Item {
    words: Vec<String>,
    is_c: bool,
    code: String,
}

/// Items with their comments; each with all of its lines joined.
fn items(source: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut words, mut is_c) = (Vec::new(), false);
    let mut lines = source.split("#[cfg(test)]").next().unwrap_or_default().lines();
    while let Some(line) = lines.next() {
        if let Some(said) = line.strip_prefix("///") {
            words.push(said.trim().to_owned());
        } else if line.starts_with("#[") {
            is_c |= line == "#[repr(C)]" || line == "#[unsafe(no_mangle)]";
        } else if line.starts_with("pub ") {
            let end = if line.contains(" fn ") { "{" } else { "}" };
            let mut code = line.to_owned();
            while !code.ends_with(';') && !code.ends_with(end) {
                let Some(next) = lines.next() else { break };
                code = code + "\n" + next;
            }
            items.push(Item { words: std::mem::take(&mut words), is_c, code });
            is_c = false;
        } else {
            words.clear();
            is_c = false;
        }
    }
    items
}

fn comment(words: &[String], indent: &str) -> String {
    assert!(!words.is_empty(), "what C sees has words");
    match words {
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

/// Fields or variants, each with its comment; `show` says what stands for its code.
fn members(code: &str, indent: &str, show: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut words: Vec<String> = Vec::new();
    for line in code.lines().skip(1).map(str::trim).filter(|line| *line != "}") {
        match line.strip_prefix("///") {
            Some(said) => words.push(said.trim().to_owned()),
            None => {
                if !words.is_empty() {
                    out += &comment(&std::mem::take(&mut words), indent);
                }
                writeln!(out, "{indent}{}", show(line.trim_end_matches(','))).expect("a string");
            }
        }
    }
    out
}

fn function(code: &str) -> String {
    let signature = code.strip_prefix("pub extern \"C\" fn ").expect("a function for C");
    let (name, rest) = signature.split_once('(').expect("arguments");
    let (arguments, answer) = rest.split_once("\n)").or_else(|| rest.split_once(") ")).expect("an end");
    let answer = answer.trim().trim_end_matches('{').trim();
    let answer = answer.strip_prefix("-> ").map_or("void".into(), |answer| answer.trim().to_owned());
    let mut declared = Vec::new();
    for argument in arguments.lines().flat_map(split_arguments) {
        let (name, of) = argument.split_once(": ").expect("a name and a type");
        declared.push(declare(of, name.trim_start_matches("mut ")));
    }
    let arguments = if declared.is_empty() { "void".into() } else { declared.join(", ") };
    let name = if answer == "void" { format!("void {name}") } else { declare(&answer, name) };
    format!("COPPICE_API {name}({arguments});\n")
}

/// At the commas that stand outside of brackets.
fn split_arguments(line: &str) -> Vec<String> {
    let mut depth = 0;
    let mut all = vec![String::new()];
    for each in line.trim().chars() {
        match each {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        match (each, depth) {
            (',', 0) => all.push(String::new()),
            _ => all.last_mut().expect("one").push(each),
        }
    }
    all.iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

fn screaming(variant: &str) -> String {
    let with = |letter: char| {
        if letter.is_uppercase() { format!("_{letter}") } else { letter.to_uppercase().to_string() }
    };
    format!("COPPICE{}", variant.chars().map(with).collect::<String>())
}

/// A constant, or the codes.
fn constants(Item { words, code, .. }: &Item) -> String {
    if let Some(rest) = code.strip_prefix("pub const COPPICE_") {
        let (name, rest) = rest.split_once(": ").expect("a type");
        let value = rest.split_once(" = ").expect("a value").1.trim_end_matches(';');
        return format!("{}#define COPPICE_{name} {value}\n", comment(words, ""));
    }
    if code.starts_with("pub enum Code") {
        let show = |line: &str| {
            let (name, number) = line.split_once(" = ").expect("a number");
            format!("#define {} {number}", screaming(name))
        };
        return format!("{}typedef int32_t coppice_code;\n{}", comment(words, ""), members(code, "", show));
    }
    String::new()
}

fn structure(Item { words, is_c, code }: &Item) -> String {
    let Some(rest) = code.strip_prefix("pub struct ") else { return String::new() };
    let name = rest.split(|letter: char| !letter.is_alphanumeric()).next().expect("a name");
    if let Some((_, name)) = HANDLES.iter().find(|(handle, _)| *handle == name) {
        return format!("{}typedef struct coppice_{name} coppice_{name};\n", comment(words, ""));
    }
    let Some((_, name)) = STRUCTURES.iter().find(|(structure, _)| *is_c && *structure == name) else {
        return String::new();
    };
    let show = |line: &str| {
        let (field, of) = line.trim_start_matches("pub ").split_once(": ").expect("a type");
        format!("{};", declare(of, field))
    };
    format!(
        "{}typedef struct coppice_{name} {{\n{}}} coppice_{name};\n",
        comment(words, ""),
        members(code, "  ", show)
    )
}

fn made() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name).with_extension("rs")).expect("the source is there")
    };
    let about: Vec<String> = read("lib")
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).into())
        .collect();
    let files: Vec<Vec<Item>> = SOURCES.iter().chain([&LAST]).map(|name| items(&read(name))).collect();
    let mut header = comment(&about, "");
    header += "/* Made by crates/ffi/tests/header.rs from the sources beside it: edit those. */\n";
    header += "#ifndef COPPICE_H\n#define COPPICE_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n";
    header += "#if defined(_WIN32) && !defined(COPPICE_STATIC)\n#define COPPICE_API __declspec(dllimport)\n";
    header += "#else\n#define COPPICE_API\n#endif\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    for part in [constants, structure, |item: &Item| {
        let is_call = item.is_c && item.code.contains("extern \"C\" fn");
        if is_call { comment(&item.words, "") + &function(&item.code) } else { String::new() }
    }] {
        for shown in files.iter().flatten().map(part).filter(|shown| !shown.is_empty()) {
            header += &shown;
            header += "\n";
        }
    }
    header + "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
}

#[test]
fn the_header_says_what_the_sources_declare() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("include/coppice.h");
    let made = made();
    assert!(made.matches("COPPICE_API ").count() > 50, "the functions were found");
    if std::env::var("COPPICE_HEADER").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, &made).expect("the header can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "it is not up to date: COPPICE_HEADER=write cargo test -p coppice-ffi --test header"
    );
}

#[test]
fn no_call_is_left_out_of_the_header() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources =
        std::fs::read_dir(folder).expect("the sources").map(|entry| entry.expect("an entry").path());
    let texts =
        sources.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).expect("text"));
    let calls: usize = texts.map(|text| text.matches("#[unsafe(no_mangle)]").count()).sum();
    assert_eq!(calls, made().matches("COPPICE_API ").count() - made().matches("define COPPICE_API ").count());
}
