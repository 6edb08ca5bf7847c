use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clinsynth_contract::{Example, Quarantined, Sensitivity};
use clinsynth_corpora::{
    AnnotatedText, CorpusError, Discontinuous, Format, HuggingFaceColumns, Losses, ReadSettings, Tokens, WriteSettings,
    Writer, default_label_map, from_example, texts,
};
use clinsynth_store::{Dataset, DatasetWriter, Lineage, PlainWriter, WriteSettings as DatasetSettings};

use crate::arguments::{Convert, DiscontinuousName, Export, Import, TokensName};
use crate::commands::show::find;
use crate::exit::Exit;

/// Texts held in memory at a time.
const CHUNK: usize = 512;
/// Mismatches that are printed; all of them are in the quarantine file.
const PRINTED: usize = 50;
/// The name of a Hugging Face data set in Parquet, which only `export` and `convert` write.
const PARQUET: &str = "parquet";

/// Reads a corpus into a dataset of examples, and reports each annotation that does not fit its text.
pub(crate) fn import(arguments: &Import) -> Result<Exit> {
    let settings = read_settings(arguments)?;
    let started = Instant::now();
    let stamp = DatasetSettings { sensitivity: arguments.sensitivity, lineage: Lineage::default() };
    let mut examples = DatasetWriter::<Example>::create(&arguments.out, stamp.clone())?;
    let quarantine_path = arguments.out.with_extension("quarantine.parquet");
    let mut quarantine = DatasetWriter::<Quarantined>::create(&quarantine_path, stamp)?;
    let mut counts = Counts::default();
    let mut corpus = clinsynth_corpora::import(&arguments.input, &settings)?;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        for imported in corpus.by_ref().take(CHUNK) {
            let imported = imported?;
            imported.warnings.iter().for_each(|warning| eprintln!("note: {warning}"));
            counts.add(imported.example.as_ref(), &imported.quarantined);
            quarantine.push_rows(imported.quarantined)?;
            chunk.push(imported.example.map(|example| Example { split: arguments.split, ..example }));
        }
        if chunk.is_empty() {
            break;
        }
        examples.push_rows(chunk.into_iter().flatten())?;
    }
    corpus.summary().iter().for_each(|warning| eprintln!("note: {warning}"));
    quarantine.commit()?;
    examples.commit()?;
    counts.print(&arguments.out, &quarantine_path, started);
    Ok(Exit::Done)
}

fn read_settings(arguments: &Import) -> Result<ReadSettings> {
    let mut label_map = default_label_map();
    label_map.extend(arguments.label_map.iter().cloned());
    let stem = arguments.input.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(ReadSettings {
        format: arguments.format.parse()?,
        label_map,
        discontinuous: match arguments.discontinuous {
            DiscontinuousName::Cover => Discontinuous::Cover,
            DiscontinuousName::Split => Discontinuous::Split,
            DiscontinuousName::LeaveOut => Discontinuous::LeaveOut,
        },
        source: arguments.source.clone().or(stem).unwrap_or_else(|| "corpus".to_owned()),
        sensitivity: arguments.sensitivity,
    })
}

/// What an import came to.
#[derive(Default)]
struct Counts {
    texts: usize,
    mentions: BTreeMap<String, usize>,
    relations: BTreeMap<String, usize>,
    set_aside: BTreeMap<String, usize>,
    printed: usize,
}

impl Counts {
    fn add(&mut self, example: Option<&Example>, quarantined: &[Quarantined]) {
        for row in quarantined {
            if self.printed < PRINTED {
                eprintln!("set aside: {} [{}] {}", row.id, row.reason, row.detail);
                self.printed += 1;
            }
            *self.set_aside.entry(row.reason.clone()).or_default() += 1;
        }
        let Some(example) = example else { return };
        self.texts += 1;
        for entity in &example.entities {
            *self.mentions.entry(entity.label.clone()).or_default() += 1;
        }
        for relation in &example.relations {
            *self.relations.entry(relation.label.clone()).or_default() += 1;
        }
    }

    fn print(&self, out: &Path, quarantine: &Path, started: Instant) {
        let list = |counts: &BTreeMap<String, usize>| -> String {
            let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        };
        println!("texts      {}", self.texts);
        println!("mentions   {}", list(&self.mentions));
        println!("relations  {}", list(&self.relations));
        println!("set aside  {}", list(&self.set_aside));
        println!("written    {} in {:.1} s", out.display(), started.elapsed().as_secs_f64());
        println!("           {} (what was set aside, with line and reason)", quarantine.display());
    }
}

/// Writes a dataset of examples as a corpus.
pub(crate) fn export(arguments: &Export) -> Result<Exit> {
    let path = find(&arguments.dataset, &arguments.store)?;
    let source = arguments.source.as_deref();
    let sensitivity = Dataset::<Example>::open(&path)?.info().sensitivity;
    if sensitivity > Sensitivity::Synthetic {
        eprintln!("note: the text is {sensitivity}, which `{}` will not say of itself", arguments.out.display());
    }
    // The dataset is decoded anew for each pass, so that one text at a time is in memory.
    let pass = |take: &mut dyn FnMut(AnnotatedText) -> Result<()>| -> Result<()> {
        let mut dataset = Dataset::<Example>::open(&path)?;
        for table in dataset.tables() {
            for example in table?.rows() {
                take(from_example(&example, source))?;
            }
        }
        Ok(())
    };
    write(&arguments.format, tokens(arguments.tokens), &arguments.out, &pass)
}

/// Writes a corpus in another format.
pub(crate) fn convert(arguments: &Convert) -> Result<Exit> {
    let format: Format = arguments.from.parse()?;
    let pass = |take: &mut dyn FnMut(AnnotatedText) -> Result<()>| -> Result<()> {
        for text in texts(&arguments.input, format)? {
            let text = text?;
            for lost in &text.set_aside {
                eprintln!("set aside: {} [{}] {}", text.id, lost.reason.code(), lost.detail);
            }
            take(text)?;
        }
        Ok(())
    };
    write(&arguments.to, tokens(arguments.tokens), &arguments.out, &pass)
}

fn tokens(name: TokensName) -> Tokens {
    match name {
        TokensName::Words => Tokens::Words,
        TokensName::WhiteSpace => Tokens::WhiteSpace,
    }
}

/// One pass over the texts.
type Pass<'p> = dyn Fn(&mut dyn FnMut(AnnotatedText) -> Result<()>) -> Result<()> + 'p;

fn write(format: &str, tokens: Tokens, out: &Path, pass: &Pass) -> Result<Exit> {
    let mut count = 0;
    let losses = if format == PARQUET {
        write_parquet(tokens, out, pass, &mut count)?
    } else {
        let mut writer = Writer::create(out, written_format(format)?, WriteSettings { tokens })?;
        pass(&mut |text| {
            count += 1;
            Ok(writer.write(&text)?)
        })?;
        writer.finish()?
    };
    println!("{count} texts written to {}", out.display());
    for (loss, count) in losses.iter() {
        eprintln!("note: {count} {loss}");
    }
    Ok(Exit::Done)
}

fn written_format(name: &str) -> Result<Format> {
    let known = || format!("{}, {PARQUET}", Format::names(Format::writes));
    match name.parse::<Format>() {
        Ok(format) if format.writes() => Ok(format),
        Ok(_) => Err(CorpusError::NotWritten { known: known() }.into()),
        Err(_) => Err(CorpusError::NoSuchFormat { name: name.to_owned(), known: known() }.into()),
    }
}

/// Two passes: the first for the labels, which the file names before its rows.
fn write_parquet(tokens: Tokens, out: &Path, pass: &Pass, count: &mut usize) -> Result<Losses> {
    let mut labels = BTreeSet::new();
    pass(&mut |text| {
        labels.extend(text.mentions.into_iter().map(|mention| mention.label));
        Ok(())
    })?;
    let columns = HuggingFaceColumns::new(&labels, tokens)?;
    let mut writer = PlainWriter::create(out, &columns.schema())?;
    let mut losses = Losses::default();
    let mut chunk: Vec<AnnotatedText> = Vec::with_capacity(CHUNK);
    pass(&mut |text| {
        *count += 1;
        chunk.push(text);
        if chunk.len() == CHUNK {
            writer.append(&columns.batch(&chunk, &mut losses)?)?;
            chunk.clear();
        }
        Ok(())
    })?;
    writer.append(&columns.batch(&chunk, &mut losses)?)?;
    writer.commit()?;
    Ok(losses)
}

/// Brings a published corpus into a folder.
pub(crate) fn fetch(arguments: &crate::arguments::Fetch) -> Result<Exit> {
    let folder = arguments.folder.clone().unwrap_or_else(|| PathBuf::from(&arguments.corpus));
    let fetched = clinsynth_provision::fetch(&arguments.corpus, &folder, &mut |line| eprintln!("{line}"))?;
    for file in fetched {
        println!("{}", file.display());
    }
    Ok(Exit::Done)
}
