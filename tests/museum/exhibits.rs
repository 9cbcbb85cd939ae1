//! The mistakes that are planted in this program, each one that another program has really made.

/// The number of a kind of failure, from 1 in [`KINDS`], and those who had it.
#[derive(Clone, Copy)]
pub struct Source(pub usize, pub &'static str);

/// Kinds of failures of real controllers. Each has a mistake in [`EXHIBITS`] or a reason in [`NOT_HERE`].
pub const KINDS: [&str; 36] = [
    "a side effect doubled after a crash",
    "one doubled by the SDK itself",
    "a stale read taken for absence",
    "a lost race to register taken for an error",
    "a loop of roll-backs",
    "retries for ever",
    "a roll-back reported as success",
    "a circuit breaker that does not trip",
    "a way back that is gone",
    "everything deleted after a failed or empty read",
    "a guard that is passed by",
    "a part of what is there taken for all of it",
    "a stale plan that overwrites a newer one",
    "a fight with the autoscaler",
    "what belongs to others",
    "secrets in what people read",
    "paths and links that lead outside",
    "URLs that lead elsewhere",
    "submodules, hooks and filters",
    "host keys that nobody checks",
    "the Git library under load",
    "a command that stands in data",
    "bombs of YAML and folders",
    "a body read without a bound",
    "webhooks that anybody can send",
    "one odd input, and a crash loop",
    "one bad item that stops the rest",
    "a thundering herd",
    "two writers",
    "a clock that is trusted",
    "a conflict with oneself",
    "half a change taken for all of it",
    "a flood of log lines",
    "an empty identity, a check that is missing",
    "a call that never ends",
    "a field that is somebody else's overwritten",
];

/// One mistake, alive in no build but that of `make museum`.
pub struct Exhibit {
    /// As `planted!` knows it.
    pub name: &'static str,
    /// What kind of failure it is, and who made it.
    pub made_by: Source,
    /// What it does.
    pub mistake: &'static str,
    /// The tests that have to find it; one that does is enough.
    pub found_by: &'static [&'static str],
}

const fn exhibit(
    name: &'static str,
    made_by: Source,
    mistake: &'static str,
    found_by: &'static [&'static str],
) -> Exhibit {
    Exhibit { name, made_by, mistake, found_by }
}

const CAPA_DOUBLES: Source =
    Source(1, "cluster-api-provider-aws #5794, #1351: a new instance after every restart");
const SDK_DOUBLES: Source = Source(2, "the AWS SDK's own retries: one call, three task definitions");
const STALE: Source =
    Source(3, "cluster-api-provider-aws #2915: nothing returned for an instance that is there");
const REGISTER_RACE: Source =
    Source(4, "terraform-aws-ecs-alb-service-task #258: too many concurrent attempts");
const ROLL_BACK_LOOP: Source =
    Source(5, "fluxcd/flux #2285, helm-operator-plugins #224: thousands of revisions in minutes");
const RETRIES_FOR_EVER: Source = Source(6, "fluxcd/flux2 #5916: no roll-back, retries for ever");
const FALSE_SUCCESS: Source =
    Source(7, "amazon-ecs-deploy-task-definition #191, #494: a roll-back reported as success");
const NO_BREAKER: Source =
    Source(8, "aws/copilot-cli #1879, containers-roadmap #1488: the breaker did not trip");
const TARGET_GONE: Source = Source(9, "containers-roadmap #328: the way back was deregistered");
const MASS_DELETION: Source =
    Source(10, "argo-cd #18480, #11464, #18212, external-dns #1238: a failed read deleted everything");
const NO_GUARD: Source = Source(11, "argo-cd #23645: the guard against an empty target was passed by");
const PARTIAL: Source =
    Source(12, "port-labs/ocean #3831, weaveworks/scope #2050: throttled batches silently left out");
const OLD_PLAN: Source =
    Source(13, "DynamoDB, October 2025: an old plan written over a newer one, the active one cleaned up");
const SCALER_FIGHT: Source =
    Source(14, "pipecd #5027, terraform #10308: desiredCount sent while a scaler owns it");
const FOREIGN: Source =
    Source(15, "kustomize-controller #315: somebody else's cluster deleted for a copied label");
const SECRETS: Source = Source(16, "argo-cd GO-2025-3433, CVE-2025-55190: credentials in errors and answers");
const PATHS: Source =
    Source(17, "argo-cd CVE-2022-24348, Flux CVE-2022-24877: links and paths that lead outside");
const URLS: Source =
    Source(18, "RUSTSEC-2023-0064, CVE-2017-1000117: `-oProxyCommand` in the place of a URL");
const SUBMODULES: Source = Source(19, "CVE-2019-1387 and its like: what submodules bring along");
const BOMBS: Source = Source(
    23,
    "Flux CVE-2022-24878, RUSTSEC-2018-0006, argo-cd GHSA-jhqp-vf4w-rpwq: bombs of YAML and folders",
);
const POISON: Source =
    Source(26, "Cloudflare, November 2025, argo-workflows CVE-2026-40886: one odd input, a crash loop");
const ONE_BAD_ITEM: Source = Source(27, "argoproj/applicationset #435: one bad item stopped the rest");
const HERD: Source = Source(28, "Google Cloud, June 2025, dask-cloudprovider #459: all came back at once");
const TWO_HEADS: Source = Source(29, "kubernetes #23731, cilium #42920: an old leader was never told");
const OWN_CONFLICT: Source =
    Source(31, "amazon-kinesis-client: a write that succeeded, and failed its condition when repeated");
const CLOCK: Source = Source(30, "fdb-kubernetes-operator #241: a moment counted by the wrong clock");
const HALF_DONE: Source =
    Source(32, "Knight Capital 2012, nomad GH-28307: half a change taken for all of it");
const FLOOD: Source = Source(33, "redpanda #9781, pravega #5823: one line, ten thousand times a day");
const NOBODY: Source = Source(34, "flux-operator CVE-2026-23990: an empty identity was everybody");
const HANGS: Source = Source(35, "aws-sdk-rust #1034: no time-outs by default");
const IGNORED: Source =
    Source(36, "argo-cd #2913, #4912, #28590: an ignored field is overwritten all the same");

const REDIRECTED: Source =
    Source(18, "CVE-2021-22214 (GitLab), Capital One 2019: a URL of a user's that reaches metadata");
const UNBOUND: Source = Source(24, "argo-workflows CVE-2026-42294, argo-cd GO-2024-3002: bodies of any size");
const ANONYMOUS: Source = Source(34, "argo-cd GO-2024-2728: a check of who asks that is not there");
const DEADLINES: Source = Source(30, "nomad GH-27804: a deadline that runs while a person is waited for");

pub const EXHIBITS: &[Exhibit] = &[
    // Calls.
    exhibit(
        "no-intent-before-a-registration",
        CAPA_DOUBLES,
        "RegisterTaskDefinition is called and nothing on disk says so",
        &["the_intent_is_on_disk_before_each_call_and_the_rollout_right_after_its_start"],
    ),
    exhibit(
        "intent-after-the-call",
        CAPA_DOUBLES,
        "the intent is written when the answer is there, so a crash in between forgets the call",
        &[
            "the_intent_is_on_disk_before_each_call_and_the_rollout_right_after_its_start",
            "an_unanswered_call_leaves_its_intent_and_nothing_more_is_done",
        ],
    ),
    exhibit(
        "registers-without-looking",
        CAPA_DOUBLES,
        "a revision is registered without looking for the one that a crash left behind",
        &[
            "a_revision_that_a_crash_left_behind_is_found_and_read_only_once",
            "killed_at_any_call_of_a_first_deployment_it_converges",
        ],
    ),
    exhibit(
        "silence-is-a-no",
        CAPA_DOUBLES,
        "a call that was not answered is taken for one that did nothing",
        &["an_unanswered_call_leaves_its_intent_and_nothing_more_is_done"],
    ),
    exhibit(
        "sdk-repeats-writes",
        SDK_DOUBLES,
        "the SDK repeats a mutating call after a time-out",
        &["a_mutating_call_is_made_once_whatever_the_answer"],
    ),
    exhibit(
        "no-time-out",
        HANGS,
        "a call that is never answered is waited for, for ever",
        &["silence_ends_after_ten_seconds_for_a_write_and_thirty_for_a_read"],
    ),
    exhibit(
        "register-race-is-final",
        REGISTER_RACE,
        "a lost race for a revision's number counts as bad input",
        &["answers_are_told_apart_by_code_and_where_that_says_nothing_by_words"],
    ),
    exhibit(
        "throttling-is-final",
        HERD,
        "a throttled call counts as bad input",
        &["throttled_at_every_call_it_still_converges"],
    ),
    exhibit(
        "api-budget-ignored",
        HERD,
        "calls are made as fast as they come, until AWS throttles the whole account",
        &["a_burst_passes_at_once_and_then_the_refill_paces", "concurrent_callers_share_one_bucket"],
    ),
    exhibit(
        "no-back-off",
        HERD,
        "what fails is tried again as soon the tenth time as the first",
        &["a_failing_key_waits_longer_each_time_and_delays_no_other"],
    ),
    exhibit(
        "all-come-back-together",
        HERD,
        "services that failed together are tried again in the same moment",
        &["services_that_failed_together_do_not_come_back_together"],
    ),
    // What was read.
    exhibit(
        "missing-is-believed-at-once",
        STALE,
        "a service that ECS does not see for a moment is created again",
        &[
            "a_service_that_was_applied_is_missing_only_when_ecs_says_so_for_ten_seconds",
            "a_service_that_ecs_no_longer_knows_is_looked_for_twice_before_it_is_created_again",
        ],
    ),
    exhibit(
        "deploys-over-a-deployment",
        STALE,
        "a service that was just made and does not show yet is made twice",
        &[
            "a_service_that_was_just_made_and_does_not_show_yet_is_not_made_twice",
            "a_fix_supersedes_our_own_rollout_but_nothing_else",
        ],
    ),
    exhibit(
        "unreadable-is-absent",
        MASS_DELETION,
        "what could not be read counts as not there",
        &["each_way_of_not_being_there_is_told_apart", "an_unknown_cluster_makes_every_service_unreadable"],
    ),
    exhibit(
        "failed-list-is-empty",
        MASS_DELETION,
        "a list of scalable targets that failed counts as an empty one",
        &["scaling_that_cannot_be_listed_is_unreadable_and_not_absent"],
    ),
    exhibit(
        "partial-list-is-complete",
        PARTIAL,
        "what is not on the pages that were read counts as not there",
        &["a_target_list_that_never_ends_is_unreadable_and_not_absent"],
    ),
    exhibit(
        "any-failure-is-missing",
        PARTIAL,
        "each of the failures of DescribeServices counts as MISSING",
        &["each_way_of_not_being_there_is_told_apart"],
    ),
    exhibit(
        "panics-on-a-strange-answer",
        POISON,
        "an answer without the member that is always there ends the process",
        &["an_answer_that_is_not_what_ecs_says_makes_a_service_unreadable"],
    ),
    exhibit(
        "digest-alone-is-proof",
        FALSE_SUCCESS,
        "the digest on a service proves what it runs, whatever revision was put there since",
        &["a_task_definition_changed_by_hand_is_set_back_without_a_new_revision"],
    ),
    exhibit(
        "takes-old-news-for-new",
        OLD_PLAN,
        "what was found out about the commit before stands for the one in force",
        &["what_was_found_out_about_an_older_commit_does_not_settle_the_newer_one"],
    ),
    // A rollout.
    exhibit(
        "stable-is-success",
        FALSE_SUCCESS,
        "a service whose tasks all run has been deployed, whichever deployment they are of",
        &["an_older_deployment_that_completed_is_not_our_success"],
    ),
    exhibit(
        "judges-whatever-leads",
        FALSE_SUCCESS,
        "the deployment that leads is judged, whoever started it",
        &[
            "somebody_elses_deployment_supersedes_ours",
            "an_older_deployment_that_completed_is_not_our_success",
        ],
    ),
    exhibit(
        "roll-back-counts-as-success",
        FALSE_SUCCESS,
        "a roll-back that completes lifts the quarantine of what was taken back",
        &["an_image_that_crashes_is_rolled_back_once_and_not_retried"],
    ),
    exhibit(
        "no-deadline-of-our-own",
        NO_BREAKER,
        "only ECS's circuit breaker ends a rollout",
        &["without_a_circuit_breaker_the_deadline_takes_the_service_back"],
    ),
    exhibit(
        "deadline-by-our-own-clock",
        CLOCK,
        "a rollout has its time from when we asked, by our clock",
        &["the_deadline_counts_on_ecs_own_clock"],
    ),
    exhibit(
        "deadline-starts-anew-after-a-crash",
        CLOCK,
        "a deployment found after a crash has its whole time again",
        &["a_deployment_that_began_after_a_lost_answer_is_found_and_watched"],
    ),
    exhibit(
        "quarantine-forgotten",
        ROLL_BACK_LOOP,
        "what failed is deployed again as soon as it is taken back",
        &["an_image_that_crashes_is_rolled_back_once_and_not_retried"],
    ),
    exhibit(
        "quarantine-in-memory-alone",
        ROLL_BACK_LOOP,
        "what failed is deployed again after a restart",
        &["an_image_that_crashes_is_rolled_back_once_and_not_retried"],
    ),
    exhibit(
        "quarantine-of-the-whole-service",
        ROLL_BACK_LOOP,
        "after one bad commit no other goes out",
        &[
            "another_digest_than_the_quarantined_one_goes_out",
            "a_fix_does_not_wait_for_the_bad_rollout_to_fail",
        ],
    ),
    exhibit(
        "tries-without-end",
        RETRIES_FOR_EVER,
        "a hook that fails is tried for ever",
        &["a_hook_is_tried_as_often_as_it_may_fail"],
    ),
    exhibit(
        "goes-back-to-whatever-ran-before",
        TARGET_GONE,
        "the way back leads to the revision before, which had failed as well",
        &["the_last_good_revision_is_the_one_that_completed_not_the_one_before"],
    ),
    exhibit(
        "goes-back-to-a-deregistered-revision",
        TARGET_GONE,
        "the way back leads to a revision that ECS refuses to run",
        &["a_deregistered_revision_is_no_way_back"],
    ),
    exhibit(
        "rolls-back-what-is-suspended",
        FOREIGN,
        "a service that a person has suspended is taken back under their hands",
        &["a_suspended_service_is_not_rolled_back"],
    ),
    exhibit(
        "applied-before-the-last-step",
        HALF_DONE,
        "a change counts as applied when its deployment has started, whatever steps are left",
        &["a_change_that_was_cut_short_is_not_taken_for_drift", "an_apply_that_was_cut_short_is_no_drift"],
    ),
    exhibit(
        "untested-is-good",
        HALF_DONE,
        "a deployment counts as good before the tests after it have passed",
        &["a_failed_smoke_test_takes_the_service_back"],
    ),
    exhibit(
        "hook-starts-without-a-note",
        CAPA_DOUBLES,
        "a one-off task is started and nothing on disk says that there may be one",
        &["killed_at_any_call_of_a_first_deployment_with_hooks_it_converges"],
    ),
    exhibit(
        "client-token-of-the-moment",
        CAPA_DOUBLES,
        "a one-off task whose answer was lost is asked for by another client token",
        &["a_task_whose_answer_was_lost_long_ago_is_not_run_again"],
    ),
    // Gates.
    exhibit(
        "targets-of-others-count",
        FALSE_SUCCESS,
        "targets of a deployment that is on its way out count like those of ours",
        &["only_targets_of_our_own_deployment_count"],
    ),
    exhibit(
        "health-of-the-one-before-counts",
        FALSE_SUCCESS,
        "a task is as healthy for so long as the one was whose place it took",
        &["containers_have_to_be_healthy_by_their_own_checks"],
    ),
    exhibit(
        "yesterdays-answer-counts",
        FALSE_SUCCESS,
        "a URL that answered before the deployment was complete has answered",
        &["an_answer_of_before_completion_says_nothing"],
    ),
    exhibit(
        "healthy-for-a-moment-will-do",
        FALSE_SUCCESS,
        "the time for which targets and containers have to be healthy is passed over",
        &[
            "targets_have_to_be_healthy_for_so_long_by_ecs_clock",
            "containers_have_to_be_healthy_by_their_own_checks",
        ],
    ),
    exhibit(
        "a-break-is-forgotten",
        FALSE_SUCCESS,
        "targets that fell ill in between were healthy all the time",
        &["a_break_begins_the_healthy_time_anew"],
    ),
    exhibit(
        "unknown-is-healthy",
        PARTIAL,
        "health that can't be read is health",
        &["what_cannot_be_read_is_not_healthy"],
    ),
    exhibit(
        "old-alarm-counts",
        FALSE_SUCCESS,
        "an alarm that was red before the deployment speaks against it",
        &[
            "an_alarm_speaks_against_a_deployment_only_if_it_went_off_during_it",
            "an_alarm_that_was_red_before_is_told_and_does_not_count",
        ],
    ),
    exhibit(
        "old-alarm-never-counts",
        FALSE_SUCCESS,
        "nor does it where the gate is strict",
        &["an_alarm_speaks_against_a_deployment_only_if_it_went_off_during_it"],
    ),
    exhibit(
        "alarms-are-looked-at-afterwards",
        NO_BREAKER,
        "an alarm stops no deployment that ECS has not finished",
        &[
            "an_alarm_stops_a_deployment_that_is_still_under_way_and_an_old_one_is_told",
            "an_alarm_stops_a_deployment_that_ecs_has_not_finished",
        ],
    ),
    exhibit(
        "one-failure-counts-at-each-look",
        FALSE_SUCCESS,
        "one check that failed counts again at each look",
        &["so_many_failures_in_a_row_are_a_failure_and_one_success_forgets_them"],
    ),
    exhibit(
        "bake-time-begins-anew-at-each-look",
        CLOCK,
        "bake time counts from the latest look",
        &[
            "a_deployment_bakes_until_its_time_is_over",
            "a_restart_moves_the_end_of_bake_time_by_no_more_than_a_pass",
        ],
    ),
    exhibit(
        "bakes-unwatched",
        NO_BREAKER,
        "tasks that stop during bake time are passed over",
        &["a_task_that_stops_while_it_bakes_fails_it_unless_it_is_one_of_many"],
    ),
    exhibit(
        "nobody-judges-while-it-bakes",
        NO_BREAKER,
        "the other gates have ended when bake time goes on",
        &["bake_time_keeps_the_other_gates_judging"],
    ),
    exhibit(
        "a-gate-may-change-its-mind",
        FALSE_SUCCESS,
        "what a gate has refused is good when the gate would let it pass at the next look",
        &["what_a_gate_has_refused_stays_refused_although_it_would_pass_by_now"],
    ),
    exhibit(
        "metadata-may-be-asked",
        REDIRECTED,
        "a URL in a manifest reaches the credentials of the task",
        &[
            "a_literal_address_is_looked_at_as_well",
            "what_a_name_leads_to_is_looked_at_each_time_it_is_asked",
        ],
    ),
    exhibit(
        "redirects-are-followed",
        REDIRECTED,
        "a harmless URL leads on to one that is not",
        &["a_page_is_read_up_to_its_bound_and_a_redirect_is_not_followed"],
    ),
    exhibit(
        "pages-of-any-size",
        UNBOUND,
        "a health page is read to its end, whatever its size",
        &["a_page_is_read_up_to_its_bound_and_a_redirect_is_not_followed"],
    ),
    // What people ask for, and when.
    exhibit(
        "retry-of-nobody",
        ANONYMOUS,
        "another try is noted without the name of who asked for it",
        &["who_asked_for_another_try_is_noted_with_it"],
    ),
    exhibit(
        "retry-of-whatever-is-held",
        ROLL_BACK_LOOP,
        "a retry that was asked for one digest lifts the quarantine of another",
        &["a_retry_for_another_digest_is_not_heeded"],
    ),
    exhibit(
        "heeds-it-again",
        CAPA_DOUBLES,
        "a request whose tag is still there after a crash is heeded once more",
        &["a_request_whose_tag_can_not_be_taken_off_is_heeded_once"],
    ),
    exhibit(
        "suspended-for-ever",
        FOREIGN,
        "a suspension holds after its time is over",
        &[
            "what_ends_has_ended_at_its_moment_and_not_before",
            "a_suspension_holds_what_git_asks_for_and_ends_by_itself",
        ],
    ),
    exhibit(
        "suspension-ends-the-watching",
        HALF_DONE,
        "a roll-back that has begun is left alone when the service is suspended",
        &["a_roll_back_that_has_begun_is_watched_to_its_end_although_the_service_is_suspended"],
    ),
    exhibit(
        "goes-back-to-another-family",
        FOREIGN,
        "a person may send a service to the task definition of another",
        &["a_roll_back_to_another_family_or_to_what_runs_is_not_heeded"],
    ),
    exhibit(
        "taken-back-and-put-there-again",
        ROLL_BACK_LOOP,
        "what a person took back is deployed again, since Git asks for it",
        &["a_roll_back_by_hand_goes_back_once_and_holds_what_git_asks_for_until_git_changes"],
    ),
    exhibit(
        "windows-ignored",
        NO_GUARD,
        "a change goes out at any time",
        &["a_change_waits_for_its_window_and_goes_out_when_it_opens"],
    ),
    exhibit(
        "windows-by-utc",
        CLOCK,
        "a window opens by UTC, whatever its time zone",
        &["a_window_is_open_from_its_beginning_until_its_end_by_its_own_clocks"],
    ),
    exhibit(
        "window-holds-a-roll-back",
        HALF_DONE,
        "a roll-back waits for a window",
        &["a_roll_back_waits_for_no_window"],
    ),
    exhibit(
        "wave-goes-on-after-a-failure",
        HALF_DONE,
        "a dependent goes out although what it depends on has failed",
        &["a_wave_stops_where_a_service_fails_and_others_are_not_delayed"],
    ),
    exhibit(
        "bad-content-is-tried-again",
        RETRIES_FOR_EVER,
        "what only Git can mend is tried again like a want of capacity",
        &["tries_come_ever_later_and_end", "an_image_that_crashes_is_rolled_back_once_and_not_retried"],
    ),
    exhibit(
        "tries-a-rollout-without-end",
        RETRIES_FOR_EVER,
        "want of capacity is tried again for ever",
        &["tries_come_ever_later_and_end"],
    ),
    // Traffic that ECS shifts.
    exhibit(
        "green-is-done-before-it-has-baked",
        FALSE_SUCCESS,
        "green is good as soon as it has all traffic",
        &["blue_green_is_followed_stage_by_stage_and_its_bake_time_is_not_counted"],
    ),
    exhibit(
        "a-pause-is-an-end",
        FALSE_SUCCESS,
        "a deployment that waits for a person is good",
        &["a_pause_is_told_once_and_its_time_is_not_counted"],
    ),
    exhibit(
        "a-person-has-a-deadline",
        DEADLINES,
        "the time that a person takes to answer counts against the deployment",
        &["neither_a_pause_nor_the_bake_time_uses_up_the_time_for_a_rollout"],
    ),
    exhibit(
        "baking-is-too-slow",
        DEADLINES,
        "ECS's own bake time counts against the deployment",
        &["neither_a_pause_nor_the_bake_time_uses_up_the_time_for_a_rollout"],
    ),
    // Whose it is, and what goes.
    exhibit(
        "touches-what-others-own",
        FOREIGN,
        "a service of another installation is changed, since the name is the same",
        &["a_service_of_another_installation_is_left_alone"],
    ),
    exhibit(
        "suspension-ignored",
        FOREIGN,
        "a service that a person has suspended is changed",
        &["a_suspended_service_is_left_alone_until_the_tag_is_gone"],
    ),
    exhibit(
        "count-set-back-under-scaling",
        SCALER_FIGHT,
        "the count that Application Auto Scaling chose is set back to Git's",
        &["a_count_moved_by_a_scalable_target_is_left_alone"],
    ),
    exhibit(
        "count-sent-with-every-update",
        SCALER_FIGHT,
        "Git's count is sent along with a new revision",
        &["a_bad_version_of_a_scaled_service_keeps_the_count_that_scaling_chose"],
    ),
    exhibit(
        "ignored-fields-are-written",
        IGNORED,
        "a field under `sync.ignore` is no difference, and is written all the same",
        &["an_ignored_field_is_neither_compared_nor_written"],
    ),
    exhibit(
        "prunes-without-our-tags",
        FOREIGN,
        "a service that left Git is deleted, whoever it belongs to by now",
        &[
            "without_both_owner_tags_nothing_is_deleted",
            "a_service_that_another_installation_took_over_is_not_deleted",
        ],
    ),
    exhibit(
        "prunes-any-share",
        NO_GUARD,
        "a commit that drops most services deletes them",
        &[
            "more_than_the_share_at_once_is_held_as_a_whole",
            "a_commit_that_drops_most_of_them_deletes_nothing",
        ],
    ),
    exhibit(
        "last-service-goes",
        NO_GUARD,
        "a commit without any service deletes the last one",
        &["an_environment_without_any_service_deletes_nothing"],
    ),
    exhibit(
        "what-cannot-be-read-is-gone",
        MASS_DELETION,
        "a service that left Git and can't be read is forgotten",
        &["what_is_not_known_is_neither_gone_nor_deleted"],
    ),
    exhibit(
        "deletes-for-an-old-commit",
        OLD_PLAN,
        "a deletion goes on for a commit that is no longer in force",
        &["a_run_deletes_for_the_newest_commit_alone"],
    ),
    exhibit(
        "any-ledger-will-do",
        NOBODY,
        "the ledger of another cluster says what is ours",
        &["a_ledger_of_another_place_is_refused_and_only_what_is_known_is_compared"],
    ),
    exhibit(
        "no-name-is-a-name",
        NOBODY,
        "an installation with an empty name owns what nobody put a name to",
        &["an_installation_without_a_name_is_refused"],
    ),
    // Git.
    exhibit(
        "empty-tree-is-a-checkout",
        MASS_DELETION,
        "a commit without any manifest is one that asks for nothing",
        &["a_manifest_folder_that_is_missing_or_empty_says_so"],
    ),
    exhibit(
        "passes-over-a-folder-that-is-missing",
        PARTIAL,
        "a folder whose object is missing is left out of the commit",
        &["without_any_one_of_its_objects_a_commit_is_not_read"],
    ),
    exhibit(
        "variable-that-cannot-be-read-is-as-before",
        PARTIAL,
        "a variable that can't be looked up keeps its old value, and nobody is told",
        &["a_parameter_that_changes_is_a_new_wish_and_one_that_cannot_be_read_changes_nothing"],
    ),
    exhibit(
        "passes-over-a-broken-manifest",
        PARTIAL,
        "a file that is not YAML is left out of the commit, and its service with it",
        &["a_commit_with_a_file_that_is_no_yaml_deletes_nothing_of_what_it_drops"],
    ),
    exhibit(
        "takes-a-link-for-a-file",
        PATHS,
        "a symbolic link is read as a manifest",
        &["a_symbolic_link_is_refused_whatever_it_is_called"],
    ),
    exhibit(
        "names-may-lead-elsewhere",
        PATHS,
        "a file may be called `..`",
        &["names_that_lead_elsewhere_are_refused"],
    ),
    exhibit("passes-over-a-submodule", SUBMODULES, "a submodule is passed over", &["a_submodule_is_refused"]),
    exhibit(
        "url-may-be-an-option",
        URLS,
        "a URL that starts with a hyphen is a path",
        &["every_other_url_is_refused_with_the_reason"],
    ),
    exhibit(
        "aliases-without-bound",
        BOMBS,
        "aliases of aliases unfold to millions of values",
        &["an_alias_bomb_is_refused_while_it_is_small"],
    ),
    exhibit(
        "yaml-of-any-depth",
        BOMBS,
        "YAML may be nested as deep as the stack goes",
        &["too_much_depth_is_refused_in_both_styles"],
    ),
    exhibit(
        "files-of-any-size",
        BOMBS,
        "a file is read whatever its size",
        &["a_huge_file_is_refused_by_its_size_and_a_huge_picture_is_not_read"],
    ),
    exhibit(
        "folders-of-any-depth",
        BOMBS,
        "folders may be nested as deep as the stack goes",
        &["folders_too_deep_and_paths_too_long_are_refused"],
    ),
    // What people read.
    exhibit(
        "last-words-unmasked",
        SECRETS,
        "the last words of a container are told with the secrets in them",
        &["secrets_are_masked_and_the_rest_stays_readable"],
    ),
    exhibit(
        "words-of-a-task-unmasked",
        SECRETS,
        "those of a task that failed are told as they stand in its log",
        &["a_rollout_that_fails_shows_its_own_tasks_and_their_last_words"],
    ),
    exhibit(
        "words-of-a-hook-unmasked",
        SECRETS,
        "those of a one-off task are told as they stand in its log",
        &["the_log_of_a_task_that_failed_is_read_without_what_may_be_secret"],
    ),
    exhibit(
        "plan-shows-credentials",
        SECRETS,
        "a plan shows a password that stands in an environment variable",
        &["a_credential_is_marked_and_a_level_is_not"],
    ),
    exhibit(
        "password-of-a-url-in-an-error",
        SECRETS,
        "the refusal of a URL repeats the password in it",
        &["a_password_in_a_url_is_refused_and_not_repeated"],
    ),
    exhibit(
        "tells-it-at-each-pass",
        FLOOD,
        "why a service is held is told at each pass",
        &[
            "a_standing_reason_is_told_once_until_it_changes",
            "with_pruning_off_it_is_left_in_place_and_told_once",
        ],
    ),
    exhibit(
        "outage-told-at-each-poll",
        FLOOD,
        "that the repository can't be read is told at each poll",
        &["an_outage_is_told_once_however_long_it_lasts"],
    ),
    // The loop and its lock.
    exhibit(
        "one-held-service-ends-the-loop",
        ONE_BAD_ITEM,
        "a service that is held ends the work on all others",
        &["a_bad_service_does_not_delay_a_good_one", "an_apply_ends_when_what_it_depends_on_is_held"],
    ),
    exhibit(
        "permit-without-a-lock",
        TWO_HEADS,
        "calls are made while somebody else may hold the ledger",
        &[
            "without_the_lock_no_call_is_made_and_the_ledger_is_lost",
            "nothing_is_permitted_once_the_lock_file_is_gone",
        ],
    ),
    exhibit(
        "writes-without-a-lock",
        TWO_HEADS,
        "the ledger is written while somebody else may hold it",
        &["nothing_is_written_once_the_lock_file_is_gone"],
    ),
    exhibit(
        "two-may-hold-the-ledger",
        TWO_HEADS,
        "a second process takes the ledger while the first one lives",
        &["a_second_holder_is_refused_and_told_who_holds_it"],
    ),
    exhibit(
        "calls-after-the-lease",
        TWO_HEADS,
        "calls are made after a lease has ended that nobody could renew",
        &["one_that_was_frozen_changes_nothing_when_it_wakes_and_ends_whenever_that_was"],
    ),
    exhibit(
        "lease-taken-from-the-living",
        TWO_HEADS,
        "a lease is taken over from a holder who renews it",
        &["a_second_operator_stands_by_until_the_first_is_gone_and_then_ends_its_rollout"],
    ),
    exhibit(
        "own-lease-is-somebody-elses",
        OWN_CONFLICT,
        "a lease that was taken by a write whose answer was lost is somebody else's",
        &["a_take_over_whose_answer_was_lost_is_found_to_be_one_s_own"],
    ),
    exhibit(
        "written-whoever-leads",
        TWO_HEADS,
        "a record is written to the table whoever holds the lease",
        &["the_table_itself_refuses_what_is_written_under_a_lease_that_another_has"],
    ),
    exhibit(
        "deposed-and-goes-on",
        TWO_HEADS,
        "one who finds the lease taken tries again",
        &["the_table_itself_refuses_what_is_written_under_a_lease_that_another_has"],
    ),
    exhibit(
        "no-answer-is-written",
        TWO_HEADS,
        "what the table did not answer counts as written",
        &["while_the_table_is_down_nothing_is_changed_and_afterwards_the_same_holder_goes_on"],
    ),
    exhibit(
        "an-outage-keeps-the-lease",
        TWO_HEADS,
        "a lease that can't be renewed is good until somebody says otherwise",
        &["a_lease_that_can_not_be_renewed_permits_nothing_once_its_time_is_up"],
    ),
    exhibit(
        "lease-by-the-others-clock",
        CLOCK,
        "a lease has run out by the time that its holder wrote into it",
        &["a_second_operator_stands_by_until_the_first_is_gone_and_then_ends_its_rollout"],
    ),
    exhibit(
        "acts-as-soon-as-it-leads",
        TWO_HEADS,
        "one who takes over looks and acts while the last call of the one before is under way",
        &["a_second_operator_stands_by_until_the_first_is_gone_and_then_ends_its_rollout"],
    ),
    exhibit(
        "no-barrier",
        OLD_PLAN,
        "a call that was never answered will do nothing any more",
        &[
            "an_update_that_takes_effect_late_undoes_no_newer_one",
            "a_registration_that_takes_effect_late_is_not_made_twice",
        ],
    ),
    exhibit(
        "one-intent-forgets-the-other",
        OLD_PLAN,
        "the intent of another call replaces that of one without an answer",
        &["a_content_is_registered_again_only_when_the_first_can_t_arrive_any_more"],
    ),
    exhibit(
        "any-update-goes-before-an-unanswered-one",
        OLD_PLAN,
        "another update is sent while one without an answer may still take effect",
        &[
            "another_update_waits_and_the_same_one_does_not",
            "an_update_that_takes_effect_late_undoes_no_newer_one",
        ],
    ),
];

/// Mistakes of others that can't be planted here, by the number of their kind, and why.
pub const NOT_HERE: &[(usize, &str, &str)] = &[
    (
        7,
        "a pause of a deployment that the operator ends by itself",
        "only people's verbs have that call: `the_policy_for_people_allows_what_their_verbs_call_and_nothing_else`",
    ),
    (
        19,
        "hooks and filters (CVE-2021-21300)",
        "there is no work tree: `only_named_places_touch_the_outside`",
    ),
    (
        20,
        "SSH host keys that nobody checks (RUSTSEC-2023-0002)",
        "SSH is not built in; TLS is rustls, without a switch",
    ),
    (20, "SHA-1 collisions (RUSTSEC-2025-0021)", "not our code: `deny.toml` holds versions"),
    (21, "libgit2 under load (Flux 0.34)", "not our code: `deny.toml` holds versions"),
    (
        22,
        "a command that stands in data (Flux CVE-2021-41254)",
        "no subprocess: `only_named_places_touch_the_outside`",
    ),
    (
        25,
        "webhooks: a signature that is not compared in constant time (CVE-2022-43411)",
        "there is no webhook",
    ),
    (
        34,
        "a branch that was forced back, commits that nobody signed",
        "followed on purpose: `a_forced_push_backwards_is_followed`",
    ),
];
