//! The mistakes that are planted in this program, each one that another program has really made.

/// One mistake, alive in no build but that of `make museum`.
pub struct Exhibit {
    /// As `planted!` knows it.
    pub name: &'static str,
    /// Who made it.
    pub made_by: &'static str,
    /// What it does.
    pub mistake: &'static str,
    /// The tests that have to find it; one that does is enough.
    pub found_by: &'static [&'static str],
}

const fn exhibit(
    name: &'static str,
    made_by: &'static str,
    mistake: &'static str,
    found_by: &'static [&'static str],
) -> Exhibit {
    Exhibit { name, made_by, mistake, found_by }
}

const CAPA_DOUBLES: &str = "cluster-api-provider-aws #5794, #1351: a new instance after every restart";
const SDK_DOUBLES: &str = "the AWS SDK's own retries: one call, three task definitions";
const STALE: &str = "cluster-api-provider-aws #2915: nothing returned for an instance that is there";
const REGISTER_RACE: &str = "terraform-aws-ecs-alb-service-task #258: too many concurrent attempts";
const ROLL_BACK_LOOP: &str =
    "fluxcd/flux #2285, helm-operator-plugins #224: thousands of revisions in minutes";
const RETRIES_FOR_EVER: &str = "fluxcd/flux2 #5916: no roll-back, retries for ever";
const FALSE_SUCCESS: &str = "amazon-ecs-deploy-task-definition #191, #494: a roll-back reported as success";
const NO_BREAKER: &str = "aws/copilot-cli #1879, containers-roadmap #1488: the breaker did not trip";
const TARGET_GONE: &str = "containers-roadmap #328: the way back was deregistered";
const MASS_DELETION: &str =
    "argo-cd #18480, #11464, #18212, external-dns #1238: a failed read deleted everything";
const NO_GUARD: &str = "argo-cd #23645: the guard against an empty target was passed by";
const PARTIAL: &str = "port-labs/ocean #3831, weaveworks/scope #2050: throttled batches silently left out";
const OLD_PLAN: &str =
    "DynamoDB, October 2025: an old plan written over a newer one, the active one cleaned up";
const SCALER_FIGHT: &str = "pipecd #5027, terraform #10308: desiredCount sent while a scaler owns it";
const FOREIGN: &str = "kustomize-controller #315: somebody else's cluster deleted for a copied label";
const SECRETS: &str = "argo-cd GO-2025-3433, CVE-2025-55190: credentials in errors and answers";
const PATHS: &str = "argo-cd CVE-2022-24348, Flux CVE-2022-24877: links and paths that lead outside";
const URLS: &str = "RUSTSEC-2023-0064, CVE-2017-1000117: `-oProxyCommand` in the place of a URL";
const SUBMODULES: &str = "CVE-2019-1387 and its like: what submodules bring along";
const BOMBS: &str =
    "Flux CVE-2022-24878, RUSTSEC-2018-0006, argo-cd GHSA-jhqp-vf4w-rpwq: bombs of YAML and folders";
const POISON: &str = "Cloudflare, November 2025, argo-workflows CVE-2026-40886: one odd input, a crash loop";
const ONE_BAD_ITEM: &str = "argoproj/applicationset #435: one bad item stopped the rest";
const HERD: &str = "Google Cloud, June 2025, dask-cloudprovider #459: all came back at once";
const TWO_HEADS: &str = "kubernetes #23731, cilium #42920: an old leader was never told";
const OWN_CONFLICT: &str =
    "amazon-kinesis-client: a write that succeeded, and failed its condition when repeated";
const CLOCK: &str = "fdb-kubernetes-operator #241: a moment counted by the wrong clock";
const HALF_DONE: &str = "Knight Capital 2012, nomad GH-28307: half a change taken for all of it";
const FLOOD: &str = "redpanda #9781, pravega #5823: one line, ten thousand times a day";
const NOBODY: &str = "flux-operator CVE-2026-23990: an empty identity was everybody";
const HANGS: &str = "aws-sdk-rust #1034: no time-outs by default";
const IGNORED: &str = "argo-cd #2913, #4912, #28590: an ignored field is overwritten all the same";

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
];

/// Mistakes of others that can't be planted here, and why.
pub const NOT_HERE: &[(&str, &str)] = &[
    (
        "SSH host keys that nobody checks (RUSTSEC-2023-0002)",
        "SSH is not built in; TLS is rustls, without a switch",
    ),
    (
        "SHA-1 collisions, libgit2 under load (RUSTSEC-2025-0021, Flux 0.34)",
        "not our code: `deny.toml` holds versions",
    ),
    (
        "a command that stands in data (Flux CVE-2021-41254)",
        "no subprocess: `only_named_places_touch_the_outside`",
    ),
    ("webhooks: a body before its signature, times that tell (CVE-2026-42294)", "there is no webhook"),
    ("a branch that was forced back", "followed on purpose: `a_forced_push_backwards_is_followed`"),
];
