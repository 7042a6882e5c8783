use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::poll;

use super::*;
use crate::store::ErrorKind;

/// The rounds of questions that were asked, each in its order.
type Asked = Mutex<Vec<Vec<u32>>>;

/// A call that answers each question with ten times itself, after a while.
async fn tenfold(asked: &Asked, questions: Vec<u32>) -> Vec<Result<u32, StoreError>> {
    asked.lock().push(questions.clone());
    tokio::time::sleep(Duration::from_millis(5)).await;
    questions.into_iter().map(|question| Ok(question * 10)).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_made_together_become_one_and_each_gets_its_own_answer() {
    let (round, asked) = (CallRound::default(), Asked::default());
    let call = |questions| tenfold(&asked, questions);
    // A question that is asked twice is answered twice.
    let answers = join_all([3, 1, 3, 2].map(|question| round.ask(question, call))).await;
    assert_eq!(answers, [Ok(30), Ok(10), Ok(30), Ok(20)]);
    assert_eq!(*asked.lock(), [[3, 1, 3, 2]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_sent_is_joined_by_nobody_who_asks_later() {
    let (round, asked) = (CallRound::default(), Asked::default());
    let call = |questions| tenfold(&asked, questions);
    let read = |question, millis| {
        let round = &round;
        async move {
            if millis > 0 {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            round.ask(question, call).await
        }
    };
    let answers = join_all([read(1, 0), read(2, 1), read(3, 1), read(4, 0)]).await;
    assert_eq!(answers, [Ok(10), Ok(20), Ok(30), Ok(40)]);
    assert_eq!(*asked.lock(), [[1, 4], [2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_that_of_the_question_that_it_is_given_for() {
    let round: CallRound<u32, u32> = CallRound::default();
    let refused = || StoreError::new(ErrorKind::Denied, "no");
    let all = |questions: Vec<u32>| async move { questions.iter().map(|_| Err(refused())).collect() };
    let answers = join_all([1, 2, 3].map(|question| round.ask(question, all))).await;
    assert_eq!(answers, [Err(refused()), Err(refused()), Err(refused())]);
    let odd = |questions: Vec<u32>| async move {
        questions.into_iter().map(|one| if one % 2 == 0 { Ok(one) } else { Err(refused()) }).collect()
    };
    let answers = join_all([1, 2].map(|question| round.ask(question, odd))).await;
    assert_eq!(answers, [Err(refused()), Ok(2)]);
}

#[tokio::test(start_paused = true)]
async fn where_the_leader_is_dropped_before_it_has_called_the_others_ask_again() {
    let (round, asked) = (CallRound::default(), Asked::default());
    let call = |questions| tenfold(&asked, questions);
    let mut leader = Box::pin(round.ask(1, call));
    let (mut second, mut third) = (pin!(round.ask(2, call)), pin!(round.ask(3, call)));
    assert!(poll!(&mut leader).is_pending() && poll!(&mut second).is_pending());
    assert!(poll!(&mut third).is_pending());
    drop(leader);
    assert_eq!(tokio::join!(second, third), (Ok(20), Ok(30)));
    assert_eq!(*asked.lock(), [[2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn where_the_leader_gives_up_during_its_call_the_others_ask_again() {
    let (round, asked) = (CallRound::default(), Asked::default());
    let call = |questions| tenfold(&asked, questions);
    let within =
        |(question, millis)| tokio::time::timeout(Duration::from_millis(millis), round.ask(question, call));
    let answers = join_all([(1, 1), (2, 100), (3, 100)].map(within)).await;
    assert!(answers[0].is_err());
    assert_eq!(answers[1..], [Ok(Ok(20)), Ok(Ok(30))]);
    assert_eq!(*asked.lock(), [vec![1, 2, 3], vec![2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_dropped_leaves_the_others_their_answers() {
    let (round, asked) = (CallRound::default(), Asked::default());
    let call = |questions| tenfold(&asked, questions);
    let impatient = tokio::time::timeout(Duration::from_millis(1), round.ask(2, call));
    let (first, given_up, third) = tokio::join!(round.ask(1, call), impatient, round.ask(3, call));
    assert_eq!((first, given_up.is_err(), third), (Ok(10), true, Ok(30)));
    assert_eq!(asked.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_dropped_half_way_leaves_nothing_that_the_next_could_wait_for() {
    let started = AtomicU64::new(0);
    let never = || async {
        started.fetch_add(1, Ordering::Relaxed);
        let batch = under_way().unwrap();
        batch.look_ups.ask("a".into(), |_| pending()).await
    };
    let crashed = together([never(), never()].into_iter());
    assert!(tokio::time::timeout(Duration::from_millis(1), crashed).await.is_err());
    assert_eq!(started.load(Ordering::Relaxed), 2);
    let read = || async {
        let answer = |keys: Vec<CompactString>| async move { keys.iter().map(|_| Ok(None)).collect() };
        under_way().unwrap().look_ups.ask("a".into(), answer).await
    };
    assert_eq!(together([read(), read()].into_iter()).await, [Ok(None), Ok(None)]);
}

#[tokio::test]
async fn outside_of_a_batch_and_in_a_task_of_its_own_nothing_is_gathered() {
    assert!(under_way().is_none());
    let inside = together((0..2).map(|_| async {
        let of_task = tokio::spawn(async { under_way().is_none() }).await.unwrap();
        (under_way().is_some(), of_task)
    }));
    assert_eq!(inside.await, [(true, true), (true, true)]);
    assert!(under_way().is_none());
}
