//! A folder never holds more than its quota, whichever way a guest writes, and what goes out makes room.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn every_way_to_write_ends_at_the_quota() {
    let rig = Rig::new();
    let mut guest = rig.guest();
    let file = guest.create("file").await.unwrap();
    // The entry costs 4 KiB.
    guest.write(&file, 0, 50 * KIB).await.unwrap();
    assert_eq!(rig.used(), 54 * KIB);
    assert_eq!(guest.write(&file, 50 * KIB, 11 * KIB).await, Err(ErrorCode::Quota));
    // Holes count, too.
    assert_eq!(guest.write(&file, 1 << 40, 1).await, Err(ErrorCode::Quota));
    assert_eq!(guest.write(&file, u64::MAX, 1).await, Err(ErrorCode::FileTooLarge));
    assert_eq!(code(guest.view().set_size(again(&file), 61 * KIB).await), Err(ErrorCode::Quota));
    let stream = guest.view().write_via_stream(again(&file), 49 * KIB).unwrap();
    assert_eq!(guest.stream(stream, 12 << 10).await, Err(ErrorCode::Quota));
    let stream = guest.view().append_via_stream(again(&file)).unwrap();
    assert_eq!(guest.stream(stream, 11 << 10).await, Err(ErrorCode::Quota));
    assert_eq!(rig.used(), rig.there());
    assert_eq!(rig.hits.count(Limit::DirQuota), 5);

    // What fits still goes in, and what is written over needs no room.
    let stream = guest.view().append_via_stream(again(&file)).unwrap();
    guest.stream(stream, 6 << 10).await.unwrap();
    guest.write(&file, 0, 56 * KIB).await.unwrap();
    let spool = again(&guest.spool);
    code(guest.view().create_directory_at(spool, "folder".into()).await).unwrap();
    assert_eq!((rig.used(), rig.there()), (QUOTA, QUOTA));
    assert_eq!(guest.create("empty").await.err(), Some(ErrorCode::Quota));
    let spool = again(&guest.spool);
    assert_eq!(code(guest.view().create_directory_at(spool, "more".into()).await), Err(ErrorCode::Quota));
    assert!(!rig.spool().join("empty").exists() && !rig.spool().join("more").exists());
}

#[tokio::test]
async fn empty_files_are_bounded() {
    let rig = Rig::new();
    let mut guest = rig.guest();
    let mut made = 0;
    while guest.put(&made.to_string(), 0).await.is_ok() {
        made += 1;
    }
    assert_eq!(made, QUOTA / ENTRY);
}

#[tokio::test]
async fn what_goes_makes_room() {
    let rig = Rig::new();
    let mut guest = rig.guest();
    for name in ["a", "b", "c", "d"] {
        guest.put(name, 10 * KIB).await.unwrap();
    }
    assert_eq!(rig.used(), 56 * KIB);
    guest.unlink("a").await.unwrap();
    guest.rename("b", "c").await.unwrap();
    assert_eq!((rig.used(), rig.there()), (28 * KIB, 28 * KIB));
    guest.rename("c", "c").await.unwrap();
    let fd = guest.create("c").await.unwrap();
    code(guest.view().set_size(again(&fd), KIB).await).unwrap();
    let spool = again(&guest.spool);
    guest.open_in(&spool, "d", OpenFlags::TRUNCATE, DescriptorFlags::WRITE).await.unwrap();
    assert_eq!((rig.used(), rig.there()), (9 * KIB, 9 * KIB));
    let spool = again(&guest.spool);
    code(guest.view().create_directory_at(again(&spool), "e".into()).await).unwrap();
    code(guest.view().remove_directory_at(spool, "e".into()).await).unwrap();
    assert_eq!(guest.unlink("e").await, Err(ErrorCode::NoEntry));
    assert_eq!((rig.used(), rig.there()), (9 * KIB, 9 * KIB));
}

#[tokio::test]
async fn a_removed_file_takes_room_until_it_is_closed() {
    for recount in [NEVER, Duration::ZERO] {
        let rig = Rig::with(QUOTA, recount, |_| {});
        let mut guest = rig.guest();
        let file = guest.create("a").await.unwrap();
        guest.write(&file, 0, 40 * KIB).await.unwrap();
        let reading = guest.view().read_via_stream(again(&file), 0).unwrap();
        // Another instance, which has not got it open, removes it.
        rig.guest().unlink("a").await.unwrap();
        assert_eq!((rig.used(), rig.there()), (44 * KIB, 0));
        assert_eq!(guest.put("b", 30 * KIB).await, Err(ErrorCode::Quota));
        guest.unlink("b").await.unwrap();
        guest.close(&file);
        // The stream holds it still.
        assert_eq!(guest.put("b", 30 * KIB).await, Err(ErrorCode::Quota));
        guest.unlink("b").await.unwrap();
        drop(guest.table.delete(reading).unwrap());
        assert_eq!(rig.used(), 0);
        guest.put("b", 30 * KIB).await.unwrap();
        assert_eq!(rig.used(), rig.there());
    }
}

#[tokio::test]
async fn a_file_that_is_renamed_over_while_it_is_open() {
    let rig = Rig::new();
    let mut guest = rig.guest();
    let old = guest.create("to").await.unwrap();
    guest.write(&old, 0, 10 * KIB).await.unwrap();
    guest.put("from", KIB).await.unwrap();
    guest.rename("from", "to").await.unwrap();
    guest.write(&old, 10 * KIB, KIB).await.unwrap();
    assert_eq!((rig.used(), rig.there()), (20 * KIB, 5 * KIB));
    guest.close(&old);
    assert_eq!(rig.used(), 5 * KIB);
}

#[tokio::test]
async fn a_file_that_others_took_out_takes_room_until_it_is_closed() {
    let rig = Rig::with(QUOTA, Duration::ZERO, |_| {});
    let mut guest = rig.guest();
    let file = guest.create("a").await.unwrap();
    guest.write(&file, 0, 40 * KIB).await.unwrap();
    let moved = rig.host.path().join("moved");
    fs::rename(rig.spool().join("a"), &moved).unwrap();
    assert_eq!(guest.put("b", 30 * KIB).await, Err(ErrorCode::Quota));
    guest.write(&file, 40 * KIB, 8 * KIB).await.unwrap();
    assert_eq!(guest.write(&file, 48 * KIB, 30 * KIB).await, Err(ErrorCode::Quota));
    assert_eq!(fs::metadata(&moved).unwrap().len(), 48 * KIB);
    guest.close(&file);
    guest.put("b", 30 * KIB).await.unwrap();
    assert_eq!(rig.used(), rig.there());
}

#[tokio::test]
async fn others_may_empty_the_folder() {
    let rig = Rig::with(QUOTA, Duration::ZERO, |_| {});
    let mut guest = rig.guest();
    guest.put("a", 50 * KIB).await.unwrap();
    fs::remove_file(rig.spool().join("a")).unwrap();
    guest.put("b", 50 * KIB).await.unwrap();
    assert_eq!((rig.used(), rig.hits.count(Limit::DirQuota)), (54 * KIB, 0));

    // Not looked for again each time.
    let rig = Rig::new();
    let mut guest = rig.guest();
    guest.put("a", 50 * KIB).await.unwrap();
    fs::remove_file(rig.spool().join("a")).unwrap();
    assert_eq!(guest.put("b", 50 * KIB).await, Err(ErrorCode::Quota));
}

#[tokio::test]
async fn what_was_there_before_counts() {
    let rig = Rig::with(QUOTA, NEVER, |host| {
        fs::create_dir_all(host.join("spool/x/y")).unwrap();
        fs::write(host.join("spool/x/y/old"), vec![0; 30 << 10]).unwrap();
    });
    assert_eq!(rig.used(), 42 * KIB);
    let mut guest = rig.guest();
    assert_eq!(guest.put("new", 30 * KIB).await, Err(ErrorCode::Quota));
    guest.unlink("x/y/old").await.unwrap();
    guest.put("new", 30 * KIB).await.unwrap();
    assert_eq!(rig.used(), rig.there());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_write_at_once_stay_within_the_quota() {
    let rig = Rig::with(1 << 20, Duration::ZERO, |_| {});
    let write = |n: u64| {
        let mut guest = rig.guest();
        tokio::spawn(async move {
            let mut refused = 0;
            for round in 0..40 {
                let fd = guest.create("shared").await;
                if let Ok(fd) = &fd {
                    let stream = guest.view().append_via_stream(again(fd)).unwrap();
                    refused += u32::from(guest.stream(stream, 8 << 10).await.is_err());
                }
                let own = format!("{n}-{}", round % 3);
                refused += u32::from(guest.put(&own, (round % 5) * 20 * KIB).await.is_err());
                if round % 4 == 0 {
                    _ = guest.unlink(&own).await;
                }
                if let Ok(fd) = fd {
                    guest.close(&fd);
                }
            }
            refused
        })
    };
    let refused: Vec<u32> = join_all((0..6).map(write)).await.into_iter().map(Result::unwrap).collect();
    assert!(refused.iter().sum::<u32>() > 0, "the quota was never met");
    assert!(rig.there() <= 1 << 20);
    assert_eq!(rig.used(), rig.there());
    assert!(rig.hits.count(Limit::DirQuota) > 0);
}
