use super::{capture::Capture, *};

fn logged(options: &LogOptions, act: impl FnOnce(&GuestLog)) -> Vec<String> {
    let capture = Capture::start();
    act(&GuestLog::new("orders".into(), 2, options, Arc::new(LimitHits::new("orders"))));
    capture.lines()
}

#[test]
fn a_line_carries_its_level_connector_and_instance() {
    let lines = logged(&LogOptions::default(), |log| {
        log.line(Level::ERROR, "it broke");
        log.line(Level::DEBUG, "not asked for");
        log.write(Stream::Stderr, b"careful\n");
    });
    assert_eq!(
        lines,
        [r"ERROR guest: it broke connector=orders instance=2", r"WARN guest: careful connector=orders instance=2",]
    );
}

#[test]
fn a_guest_can_not_forge_lines() {
    assert_eq!(escape("a\nERROR b\r\u{1b}[31m\u{0}\tc\u{202e}d\u{2028}é\n", false), {
        r"a\nERROR b\r\u{1b}[31m\u{0}".to_owned() + "\t" + r"c\u{202e}d\u{2028}é"
    });
}

#[test]
fn streams_are_split_at_line_ends_and_flushed_when_the_call_ends() {
    let lines = logged(&LogOptions::default(), |log| {
        log.write(Stream::Stdout, b"one\ntw");
        log.write(Stream::Stderr, b"err");
        log.write(Stream::Stdout, b"o\n\nthr");
        log.flush();
        log.write(Stream::Stdout, b"ee\n");
        log.flush();
    });
    let texts: Vec<_> = lines.iter().map(|line| line.split(" connector").next().unwrap()).collect();
    assert_eq!(
        texts,
        ["INFO guest: one", "INFO guest: two", "INFO guest: ", "INFO guest: thr", "WARN guest: err", "INFO guest: ee"]
    );
}

#[test]
fn long_lines_are_cut_wherever_they_come_from() {
    let lines = logged(&LogOptions::default(), |log| {
        for _ in 0..3 {
            log.write(Stream::Stdout, "é".repeat(LINE_LIMIT / 2).as_bytes());
        }
        log.write(Stream::Stdout, b"\nshort\n");
        log.line(Level::INFO, &"é".repeat(LINE_LIMIT));
    });
    assert_eq!(lines.len(), 3);
    for long in [&lines[0], &lines[2]] {
        assert_eq!(long.matches('é').count(), LINE_LIMIT / 2);
        assert!(long.contains("... (cut) connector=orders"));
    }
    assert!(lines[1].starts_with("INFO guest: short connector"));
}

#[test]
fn what_is_over_the_rate_is_dropped_and_counted_once() {
    let start = Instant::now();
    let mut budget = Budget::new(3, start);
    let admitted = (0..10).filter(|_| budget.admit()).count();
    assert_eq!(admitted, 3);
    assert_eq!(budget.turn(start + Duration::from_millis(999)), 0);
    assert!(!budget.admit());
    assert_eq!(budget.turn(start + WINDOW), 8);
    assert!(budget.admit());
    assert_eq!(budget.turn(start + WINDOW * 2), 0);

    let lines = logged(&LogOptions { lines_per_second: 0, ..LogOptions::default() }, |log| {
        log.line(Level::INFO, "a");
        log.line(Level::INFO, "b");
    });
    assert_eq!(lines, ["WARN guest: 2 lines dropped: too many in a second connector=orders instance=2 dropped=2"]);
}
