"""Which tests mount which attack: one table, whose rows `test_table` holds to the code.

A row names an attack, what it is an answer to, and the tests that mount it and see it fail, as
`folder::test` under `tests/`. What no code can answer, such as a lie within the bounds, the
documents say.
"""

from dataclasses import dataclass

THREATS = {
    1: "a curious coordinator",
    2: "split views",
    3: "lies about who dropped out",
    4: "both halves of a secret, or one step twice",
    5: "chosen coefficients, or an order of its own",
    6: "a malicious plan",
    7: "hospitals that collude with the coordinator",
    8: "a roster of one's own, or somebody let in",
    9: "somebody on the network",
    10: "replay",
    11: "a stolen identity key",
    12: "false input by a hospital",
    13: "differences of runs, cohorts, rosters and extracts",
    14: "a wrong or a second sum",
    15: "code from the coordinator",
    16: "a reader of results",
    17: "an insider at a hospital",
    18: "the supply chain",
}
"""Everybody who may attack, and how: each needs a row."""

LIES = {
    1: "says that a hospital dropped out",
    2: "replays",
    3: "shows different rosters, keys or results to different hospitals",
    4: "asks the same step with other parameters",
    5: "fills the roster with hospitals of its own",
    6: "publishes a false sum",
    7: "aborts, and asks again for a lottery that looks better",
}
"""What a coordinator may try against the sums: each needs a row."""


@dataclass(frozen=True)
class Attack:
    """An attack: keys of `THREATS` and `LIES`, clauses of the specification, and its tests.

    `no_node` says why no node takes part; else one of the tests plays real ones.
    """

    tests: tuple[str, ...]
    threats: tuple[int, ...] = ()
    lies: tuple[int, ...] = ()
    clauses: tuple[str, ...] = ()
    no_node: str = ""


ATTACKS: dict[str, Attack] = {
    "a curious coordinator reads what it gets": Attack(
        tests=(
            "federation/wire::test_a_million_words_of_answers_are_uniform",
            "federation/wire::test_other_patients_change_no_length_and_no_code",
            "federation/wire::test_no_hospitals_numbers_are_in_the_offices_memory",
            "site_node::test_what_hangs_on_rows_has_one_code",
        ),
        threats=(1,),
        clauses=("13.13",),
    ),
    "split views: other rosters, keys, plans, results": Attack(
        tests=(
            "federation/hostile::test_two_fresh_keys_of_one_hospital_open_nothing",
            "federation::test_other_keys_to_two_hospitals",
            "federation::test_other_rosters_to_two_hospitals",
            "federation::test_a_coordinator_with_another_plan_opens_nothing",
            "federation::test_two_hospitals_shown_two_digests_part_ways",
        ),
        threats=(2,),
        lies=(3,),
        clauses=("13.2", "13.10"),
    ),
    "a lie about who dropped out, a sum over fewer": Attack(
        tests=(
            "federation::test_a_dropped_hospital",
            "federation::test_what_is_left_without_a_hospital_is_noise",
            "federation::test_nobody_goes_on_without_the_lost_ones_consent",
            "site_node::test_a_smaller_roster_needs_the_consent_of_who_is_missing",
            "protocol/governance::test_a_hidden_difference_over_three_rosters",
        ),
        threats=(3, 4),
        lies=(1,),
        clauses=("13.1", "13.19"),
    ),
    "chosen or changed coefficients, another question": Attack(
        tests=(
            "federation::test_another_endpoint_under_the_same_name_opens_nothing",
            "federation::test_a_false_total",
            "protocol::test_a_hospital_replays_to_the_offices_question_after_every_trip",
            "federation/hostile::test_coefficients_cannot_be_chosen",
        ),
        threats=(5,),
        lies=(4,),
    ),
    "steps out of order, twice, or under another number": Attack(
        tests=(
            "federation::test_steps_in_another_order",
            "federation::test_an_answered_step_under_a_new_trip_number",
            "federation::test_the_next_request_before_the_last_result",
            "site_node::test_a_question_that_does_not_follow_is_refused_unread",
            "site_node::test_an_early_finish_is_refused",
        ),
        threats=(5,),
        clauses=("13.15",),
    ),
    "one step asked twice, differently": Attack(
        tests=(
            "site_node::test_a_second_question_for_a_trip_is_refused_and_kept",
            "site_node::test_a_second_result_of_a_trip_is_refused_and_kept",
            "site_node::test_a_known_run_id_with_other_bytes_is_refused_and_kept",
        ),
        threats=(4, 5),
        lies=(4,),
        clauses=("13.4",),
    ),
    "a disk filled with kept evidence": Attack(
        tests=(
            "federation/hostile::test_evidence_does_not_fill_the_disk",
            "federation/hostile::test_a_large_lie_leaves_its_trace",
        ),
    ),
    "plans that isolate patients: rare dummies": Attack(
        tests=(
            "protocol/steps::test_rule_s2_levels_of_few_patients",
            "protocol/steps::test_rule_s7_levels_at_few_hospitals",
            "protocol/steps::test_rules_hold_for_those_who_have_none_of_the_levels",
            "federation/hostile::test_a_rare_level_as_a_population_or_a_subgroup",
            "federation/hostile::test_a_rare_level_is_no_column_of_a_model",
            "federation/hostile::test_what_was_left_out_cannot_be_asked_for",
            "federation/hostile::test_without_a_rule_of_the_program_a_few_are_isolated",
        ),
        threats=(6,),
    ),
    "plans that isolate patients: near-saturated models": Attack(
        tests=(
            "protocol/plan::test_too_many_columns",
            "protocol/parts::test_hospitals_hold_back_before_a_separated_fit_shows_few",
            "federation/hostile::test_a_nearly_saturated_model",
        ),
        threats=(6,),
    ),
    "plans that isolate patients: many nearly equal cohorts": Attack(
        tests=(
            "protocol/steps::test_rule_d_looks_at_populations_together",
            "site_node::test_a_refreshed_extract_is_refused_before_its_first_number",
            "site_node::test_runs_on_one_extract_are_counted",
            "federation/hostile::test_forty_nearly_equal_cohorts",
            "federation/hostile::test_forty_cohorts_are_too_many_also_where_none_differs",
            "federation/hostile::test_forty_cohorts_in_one_plan_are_no_plan",
            "federation/hostile::test_without_rule_d_forty_cohorts_isolate_somebody",
            "federation/hostile::test_cohorts_that_differ_at_another_hospital_only",
        ),
        threats=(6, 13),
    ),
    "plans that isolate patients: nested subgroups": Attack(
        tests=(
            "protocol/steps::test_no_combination_of_tables_is_about_a_few",
            "protocol/steps::test_a_level_that_is_left_out_must_not_be_the_difference",
            "federation/hostile::test_nested_subgroups",
            "federation/hostile::test_without_a_rule_of_the_program_a_few_are_isolated",
        ),
        threats=(6, 13),
    ),
    "a plan that nobody approved, or by a stranger": Attack(
        tests=(
            "site_node::test_nothing_is_approved_by_itself",
            "site_node::test_a_forged_approval_is_put_aside",
            "site_node::test_a_plan_that_no_plan_signer_signed_is_put_aside",
            "site_node::test_an_old_approval_cannot_be_brought_back",
        ),
        threats=(6,),
    ),
    "hospitals that collude": Attack(
        tests=(
            "protocol/secagg::test_two_honest_sites_stay_hidden_from_all_others",
            "federation/hostile::test_two_honest_hospitals_stay_hidden_from_all_others",
        ),
        threats=(7,),
        clauses=("13.9",),
    ),
    "a roster filled with one's own": Attack(
        tests=(
            "federation/hostile::test_a_roster_of_the_coordinators_own_hospitals",
            "protocol/governance::test_one_signature_short",
            "protocol/governance::test_unknown_key",
            "protocol/governance::test_gaps_repeats_and_disorder",
            "protocol/governance::test_duplicate_keys_are_refused_though_signed",
            "protocol/governance::test_not_yet_valid_and_expired",
            "site_node::test_hospitals_whose_words_differ_are_not_those_that_are_known",
            "protocol/governance::test_min_sites_is_never_below_three",
        ),
        threats=(8,),
        lies=(5,),
        clauses=("13.6",),
    ),
    "an old roster that rolls a hospital back": Attack(
        tests=(
            "federation/hostile::test_a_coordinator_whose_key_was_replaced_opens_nothing",
            "site_node::test_an_older_roster_and_a_fork_are_refused_once_a_newer_was_seen",
            "protocol/governance::test_an_older_version_than_seen_is_refused",
        ),
        threats=(8,),
        clauses=("13.18",),
    ),
    "somebody on the line": Attack(
        tests=(
            "federation/carriers::test_changed_answers_are_found",
            "federation/carriers::test_a_changed_question_is_not_answered",
            "federation/carriers::test_an_answer_to_another_question_is_none",
            "federation/carriers::test_somebody_in_the_middle_is_seen_through",
            "site_node/carriers::test_a_filter_that_signs_certificates_anew_is_named",
            "federation::test_two_uploads_swapped",
            "protocol/secagg::test_every_changed_bit_shows",
        ),
        threats=(9,),
        clauses=("13.11", "13.17"),
    ),
    "replay of recorded messages": Attack(
        tests=(
            "federation/hostile::test_every_message_in_every_later_state",
            "federation/hostile::test_every_message_in_every_later_trip",
            "federation/hostile::test_two_messages_made_of_two_recorded_ones",
            "federation::test_a_request_or_result_of_another_run",
            "federation::test_another_runs_upload",
            "protocol/governance::test_a_recorded_login_opens_no_other",
            "coordinator/carriers::test_a_recorded_login_opens_nothing",
            "protocol/secagg::test_no_number_is_taken_twice",
        ),
        threats=(10,),
        lies=(2,),
        clauses=("13.3",),
    ),
    "an absent or empty field": Attack(
        tests=(
            "protocol/governance::test_a_nonce_has_32_bytes",
            "protocol/wire::test_an_advance_needs_one_reason",
            "site_node::test_noise_is_refused_and_not_written_down",
        ),
        threats=(10,),
    ),
    "a stolen identity key": Attack(
        tests=(
            "site_node::test_the_keys_of_a_run_are_gone_when_it_ends",
            "federation/hostile::test_a_run_whose_keys_are_gone_cannot_be_opened_again",
            "coordinator/carriers::test_of_two_live_sessions_the_second_is_denied_and_both_are_told",
            "site_node::test_a_file_that_others_may_read_is_refused",
            "federation/crash::test_hospitals_follow_the_authority_to_a_new_key",
            "federation/carriers::test_a_coordinator_without_rosters_that_say_so_is_another",
            "riskset::test_a_roster_that_would_bring_a_replaced_key_back_is_not_signed",
        ),
        threats=(11,),
        clauses=("13.20",),
    ),
    "an old copy of a hospital masks again": Attack(
        tests=(
            "federation/hostile::test_an_old_copy_repeats_its_answer_to_the_byte",
            "federation/hostile::test_what_a_hospital_forgot_cannot_stop_it",
            "site_node::test_an_older_copy_stops_before_it_answers_anything",
            "federation/crash::test_an_old_copy_of_a_hospital_answers_nothing",
            "site_node::test_an_older_ledger_beside_younger_keys_is_refused_at_the_start",
            "federation/crash::test_two_on_one_folder_or_journal",
            "site_node::test_two_ledgers_under_one_key_are_evidence",
        ),
        threats=(11,),
        clauses=("13.12",),
    ),
    "false input by a hospital": Attack(
        tests=(
            "protocol/secagg::test_a_bit_flipped_and_signed_by_a_lying_site_is_seen_in_the_lanes",
            "protocol/secagg::test_a_lie_within_the_bounds_is_not_seen",
            "federation::test_a_hospital_that_counts_other_patients_later",
            "federation::test_a_hospital_that_changes_or_hides_its_share_is_named_by_all",
            "protocol/secagg::test_what_is_no_double_is_refused",
            "federation/hostile::test_a_hospital_that_bends_its_answer_and_signs_it",
        ),
        threats=(12,),
        clauses=("13.8", "13.16"),
    ),
    "another coin by aborting": Attack(
        tests=("site_node::test_one_study_has_one_coin",),
        lies=(7,),
        clauses=("13.7",),
    ),
    "a false sum is published": Attack(
        tests=(
            "site_node::test_a_false_sum_is_refused",
            "federation::test_a_changed_upload",
            "federation::test_one_upload_twice",
            "coordinator/bundle::test_a_false_total",
            "coordinator/bundle::test_a_changed_number_is_named",
        ),
        threats=(14,),
        lies=(6,),
        clauses=("13.5",),
    ),
    "bytes that become code, or a path": Attack(
        tests=(
            "protocol::test_nothing_received_becomes_code",
            "federation/hostile::test_a_node_runs_nothing_that_it_receives",
            "coordinator/bundle::test_strange_names",
            "coordinator/bundle::test_links_and_folders",
            "fuzz::test_bent_bytes",
            "federation/hostile::test_bytes_that_want_to_be_code_or_a_path",
        ),
        threats=(15,),
    ),
    "messages too large": Attack(
        tests=(
            "site_node::test_a_message_beyond_the_limit_is_refused",
            "federation/hostile::test_a_message_too_large_is_not_even_read",
            "federation::test_a_trip_that_is_too_large_is_neither_asked_nor_answered",
            "protocol/wire::test_no_sequence_of_chunks_holds_more_than_the_limit",
            "coordinator/carriers::test_little_is_taken_before_a_login",
            "coordinator/bundle::test_packed_members_are_no_bomb",
            "fuzz::test_large_traps",
        ),
        threats=(15,),
        clauses=("13.14",),
    ),
    "two editions subtracted by a reader": Attack(
        tests=(
            "protocol/results/publication::test_an_earlier_edition_is_not_to_be_subtracted",
            "protocol/results/publication::test_nothing_hidden_follows_by_subtraction",
        ),
        threats=(16,),
        no_node="readers have files, which nobody answers",
    ),
    "an insider edits the ledger": Attack(
        tests=(
            "site_node::test_lines_neither_change_nor_go",
            "site_node::test_the_first_line_that_was_changed_is_named",
            "site_node::test_an_older_copy_is_told",
            "site_node::test_a_ledger_that_went_another_way_is_told",
            "federation/hostile::test_a_ledger_that_an_insider_edited_stops_its_node",
            "site_node::test_whatever_is_done_to_the_ledger_shows",
        ),
        threats=(17,),
    ),
    "somebody opens the line, or reads the journal, where totals are withheld": Attack(
        tests=(
            "coordinator::test_nobody_but_the_coordinator_opens_what_the_journal_holds",
            "site_node::test_a_run_that_would_not_seal_is_refused",
        ),
        threats=(9, 17),
    ),
    "another wheel than the one that was locked": Attack(
        tests=("deploy::test_the_image_is_built_by_hash_and_runs_as_nobody_special",),
        threats=(18,),
        no_node="it is refused before there is a node",
    ),
    "a signature of one kind shown as another": Attack(
        tests=(
            "federation/hostile::test_no_two_kinds_of_message_share_a_tag",
            "federation/hostile::test_every_message_in_every_later_state",
        ),
        threats=(9, 10),
    ),
    "any order of honest and hostile moves": Attack(
        tests=(
            "site_node::test_a_node_says_what_it_said_or_refuses_by_name",
            "federation/hostile::test_whatever_is_sent_a_node_answers_a_trip_once",
        ),
        threats=(5, 10),
        lies=(2, 4),
    ),
}
