//! Streambed's published client. One command a run, told by arguments; what it finds goes to stdout as JSON lines.
//!
//!     driver URL offsets TOPIC PARTITION
//!     driver URL produce TOPIC PARTITION FROM COUNT LEAST MOST
//!     driver URL read GROUP TOPIC AFTER IDLE_MS COUNT LEAST MOST
//!     driver URL history TOPIC IDLE_MS
//!
//! Record n has n for its key, one header, and bytes that follow from n: `read` checks them. AFTER is the offset of the
//! last record that was read before, - for none. `read` ends after COUNT records, or when none came for IDLE_MS.

use std::env;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;
use streambed::commit_log::{
    CommitLog, ConsumerOffset, ConsumerRecord, Header, HeaderKey, ProducerRecord, Subscription, Topic,
};
use streambed_kafka::KafkaRestCommitLog;
use tokio_stream::StreamExt;

fn say(value: serde_json::Value) {
    println!("{value}");
    std::io::stdout().flush().unwrap();
}

/// Sizes go round between the two, with the odd multiplier of a linear congruence.
fn size_of(number: u64, least: u64, most: u64) -> usize {
    (least + number.wrapping_mul(2_654_435_761) % (most - least + 1)) as usize
}

fn value_of(number: u64, least: u64, most: u64) -> Vec<u8> {
    (0..size_of(number, least, most))
        .map(|i| (number as usize).wrapping_mul(31).wrapping_add(i) as u8)
        .collect()
}

fn headers_of(number: u64) -> Vec<Header> {
    vec![Header {
        key: HeaderKey::from("number"),
        value: number.to_be_bytes().to_vec(),
    }]
}

struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, place: usize) -> &str {
        &self.0[place]
    }
    fn number(&self, place: usize) -> u64 {
        self.0[place].parse().unwrap()
    }
}

async fn produce(log: &KafkaRestCommitLog, told: &Arguments) {
    let topic = Topic::from(told.text(2));
    let (partition, from, count) = (told.number(3) as u32, told.number(4), told.number(5));
    let (least, most) = (told.number(6), told.number(7));
    let (mut first, mut last) = (None, None);
    for number in from..from + count {
        let record = ProducerRecord {
            topic: topic.clone(),
            headers: headers_of(number),
            timestamp: None,
            key: number,
            value: value_of(number, least, most),
            partition,
        };
        let offset = log.produce(record).await.expect("the record is taken").offset;
        first = first.or(Some(offset));
        last = Some(offset);
    }
    say(json!({"first": first, "last": last}));
}

fn subscribe<'a>(
    log: &'a KafkaRestCommitLog,
    group: &str,
    topic: &Topic,
    after: Option<u64>,
    idle: u64,
) -> std::pin::Pin<Box<dyn tokio_stream::Stream<Item = ConsumerRecord> + Send + 'a>> {
    let offsets = after
        .map(|offset| ConsumerOffset {
            topic: topic.clone(),
            partition: 0,
            offset,
        })
        .into_iter()
        .collect();
    let subscriptions = vec![Subscription {
        topic: topic.clone(),
    }];
    log.scoped_subscribe(group, offsets, subscriptions, Some(Duration::from_millis(idle)))
}

/// How many came, from which offset to which, and how many of them were not what follows the one before.
async fn read(log: &KafkaRestCommitLog, told: &Arguments) {
    let topic = Topic::from(told.text(3));
    let after = told.text(4).parse().ok();
    let (idle, count) = (told.number(5), told.number(6));
    let (least, most) = (told.number(7), told.number(8));
    let began = Instant::now();
    let mut records = subscribe(log, told.text(2), &topic, after, idle);
    let (mut got, mut wrong) = (0u64, 0u64);
    let (mut first, mut last) = (None, None);
    let mut expected = after.map_or(0, |offset: u64| offset + 1);
    while got < count {
        let Some(record) = records.next().await else {
            break;
        };
        let is_right = record.offset == expected
            && record.topic == topic
            && record.value == value_of(record.key, least, most)
            && record.headers == headers_of(record.key)
            && record.timestamp.is_some();
        wrong += u64::from(!is_right);
        expected = record.offset + 1;
        first = first.or(Some(record.offset));
        last = Some(record.offset);
        got += 1;
    }
    say(json!({"count": got, "wrong": wrong, "first": first, "last": last, "ms": began.elapsed().as_millis() as u64}));
}

/// All that is there, as event-sourced entities are brought back: up to the offset that is said to be the last.
async fn history(log: &KafkaRestCommitLog, told: &Arguments) {
    let topic = Topic::from(told.text(2));
    let mut keys = Vec::new();
    if let Some(end) = log.offsets(topic.clone(), 0).await.map(|offsets| offsets.end_offset) {
        let mut records = subscribe(log, "EDFSM", &topic, None, told.number(3));
        loop {
            let Some(record) = records.next().await else {
                say(json!({"hangs": true}));
                return;
            };
            keys.push(record.key);
            if record.offset >= end {
                break;
            }
        }
    }
    say(json!({"keys": keys}));
}

#[tokio::main]
async fn main() {
    let told = Arguments(env::args().skip(1).collect());
    let log = KafkaRestCommitLog::new(reqwest::Url::parse(told.text(0)).unwrap(), None, false);
    match told.text(1) {
        "offsets" => {
            let found = log.offsets(Topic::from(told.text(2)), told.number(3) as u32).await;
            say(json!(found.map(|found| [found.beginning_offset, found.end_offset])));
        }
        "produce" => produce(&log, &told).await,
        "read" => read(&log, &told).await,
        "history" => history(&log, &told).await,
        other => panic!("{other}?"),
    }
}
