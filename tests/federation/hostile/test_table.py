"""Which test mounts which attack. The rows are those of the list of threats and of SPEC 13.

Each row names its attack and the tests that mount it and see it fail; a test here sees that they
exist. What no code can answer, such as a lie within the bounds, the documents say.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
MINE = "federation/hostile/test_nodes.py"
MOVES = "federation/hostile/test_moves.py"
REPLAY = "federation/hostile/test_replay.py"
ISOLATING = "federation/hostile/test_isolating.py"
TABLE = "federation/test_hostile.py"
NODE = "site_node/test_node.py"
GATE = "site_node/test_gate.py"
CHAIN = "protocol/governance/test_chain.py"

ATTACKS: dict[str, tuple[str, ...]] = {
    "a curious coordinator reads what it gets": (
        "federation/wire/test_masked.py::test_a_million_words_of_answers_are_uniform",
        "federation/wire/test_masked.py::test_other_patients_change_no_length_and_no_code",
        "federation/wire/test_canaries.py::test_no_hospitals_numbers_are_in_the_offices_memory",
        f"{NODE}::test_what_hangs_on_rows_has_one_code",
    ),
    "split views: other rosters, keys, plans, results": (
        f"{MINE}::test_two_fresh_keys_of_one_hospital_open_nothing",
        f"{TABLE}::test_other_keys_to_two_hospitals",
        f"{TABLE}::test_other_rosters_to_two_hospitals",
        f"{TABLE}::test_a_coordinator_with_another_plan_opens_nothing",
        "federation/test_withheld.py::test_two_hospitals_shown_two_digests_part_ways",
    ),
    "a lie about who dropped out, a sum over fewer": (
        f"{TABLE}::test_a_dropped_hospital",
        f"{TABLE}::test_what_is_left_without_a_hospital_is_noise",
        "federation/test_epochs.py::test_nobody_goes_on_without_the_lost_ones_consent",
        f"{GATE}::test_a_smaller_roster_needs_the_consent_of_who_is_missing",
        "protocol/governance/test_atoms.py::test_a_hidden_difference_over_three_rosters",
    ),
    "chosen or changed coefficients, another question": (
        f"{TABLE}::test_another_endpoint_under_the_same_name_opens_nothing",
        f"{TABLE}::test_a_false_total",
        "protocol/test_party.py::test_a_hospital_replays_to_the_offices_question_after_every_trip",
    ),
    "steps out of order, twice, or under another number": (
        f"{TABLE}::test_steps_in_another_order",
        f"{TABLE}::test_an_answered_step_under_a_new_trip_number",
        f"{TABLE}::test_the_next_request_before_the_last_result",
        f"{NODE}::test_a_question_that_does_not_follow_is_refused_unread",
        f"{NODE}::test_an_early_finish_is_refused",
    ),
    "one step asked twice, differently": (
        f"{NODE}::test_a_second_question_for_a_trip_is_refused_and_kept",
        f"{NODE}::test_a_second_result_of_a_trip_is_refused_and_kept",
        f"{NODE}::test_a_known_run_id_with_other_bytes_is_refused_and_kept",
    ),
    "a disk filled with kept evidence": (
        f"{MINE}::test_evidence_does_not_fill_the_disk",
        f"{MINE}::test_a_large_lie_leaves_its_trace",
    ),
    "plans that isolate patients: rare dummies": (
        "protocol/steps/test_model.py::test_rule_s2_levels_of_few_patients",
        "protocol/steps/test_model.py::test_rule_s7_levels_at_few_hospitals",
        "protocol/steps/test_model.py::test_rules_hold_for_those_who_have_none_of_the_levels",
    ),
    "plans that isolate patients: near-saturated models": (
        "protocol/plan/test_check.py::test_too_many_columns",
        "protocol/parts/test_propensity.py"
        "::test_hospitals_hold_back_before_a_separated_fit_shows_few",
    ),
    "plans that isolate patients: many nearly equal cohorts": (
        "protocol/steps/test_populations.py::test_rule_d_looks_at_populations_together",
        "site_node/test_patterns.py::test_a_refreshed_extract_is_refused_before_its_first_number",
        f"{GATE}::test_runs_on_one_extract_are_counted",
    ),
    "plans that isolate patients: nested subgroups": (
        "protocol/steps/test_level_atoms.py::test_no_combination_of_tables_is_about_a_few",
        "protocol/steps/test_level_atoms.py"
        "::test_a_level_that_is_left_out_must_not_be_the_difference",
    ),
    "a plan that nobody approved, or by a stranger": (
        "site_node/test_approvals.py::test_nothing_is_approved_by_itself",
        "site_node/test_approvals.py::test_a_forged_approval_is_put_aside",
        "site_node/test_approvals.py::test_a_plan_that_no_plan_signer_signed_is_put_aside",
        "site_node/test_approvals.py::test_an_old_approval_cannot_be_brought_back",
    ),
    "hospitals that collude": (
        "protocol/secagg/test_masks.py::test_two_honest_sites_stay_hidden_from_all_others",
    ),
    "a roster filled with one's own": (
        f"{MINE}::test_a_roster_of_the_coordinators_own_hospitals",
        f"{CHAIN}::test_one_signature_short",
        f"{CHAIN}::test_unknown_key",
        f"{CHAIN}::test_gaps_repeats_and_disorder",
        f"{CHAIN}::test_duplicate_keys_are_refused_though_signed",
        f"{CHAIN}::test_not_yet_valid_and_expired",
        f"{GATE}::test_hospitals_whose_words_differ_are_not_those_that_are_known",
        "protocol/governance/test_roster.py::test_min_sites_is_never_below_three",
    ),
    "an old roster that rolls a hospital back": (
        f"{MINE}::test_a_coordinator_whose_key_was_replaced_opens_nothing",
        f"{GATE}::test_an_older_roster_and_a_fork_are_refused_once_a_newer_was_seen",
        f"{CHAIN}::test_an_older_version_than_seen_is_refused",
    ),
    "somebody on the line": (
        "federation/carriers/test_conformance.py::test_changed_answers_are_found",
        "federation/carriers/test_conformance.py::test_a_changed_question_is_not_answered",
        "federation/carriers/test_conformance.py::test_an_answer_to_another_question_is_none",
        "federation/carriers/test_joining.py::test_somebody_in_the_middle_is_seen_through",
        "site_node/carriers/test_reasons.py::test_a_filter_that_signs_certificates_anew_is_named",
        f"{TABLE}::test_two_uploads_swapped",
        "protocol/secagg/test_sealing.py::test_every_changed_bit_shows",
    ),
    "replay of recorded messages": (
        f"{REPLAY}::test_every_message_in_every_later_state",
        f"{REPLAY}::test_every_message_in_every_later_trip",
        f"{REPLAY}::test_two_messages_made_of_two_recorded_ones",
        f"{TABLE}::test_a_request_or_result_of_another_run",
        f"{TABLE}::test_another_runs_upload",
        "protocol/governance/test_login.py::test_a_recorded_login_opens_no_other",
        "coordinator/carriers/test_door.py::test_a_recorded_login_opens_nothing",
        "protocol/secagg/test_sealing.py::test_no_number_is_taken_twice",
    ),
    "an absent or empty field": (
        "protocol/governance/test_login.py::test_a_nonce_has_32_bytes",
        "protocol/wire/test_codec.py::test_an_advance_needs_one_reason",
        f"{NODE}::test_noise_is_refused_and_not_written_down",
    ),
    "a stolen identity key": (
        f"{NODE}::test_the_keys_of_a_run_are_gone_when_it_ends",
        f"{MINE}::test_a_run_whose_keys_are_gone_cannot_be_opened_again",
        "coordinator/carriers/test_door.py"
        "::test_of_two_live_sessions_the_second_is_denied_and_both_are_told",
        "site_node/test_folder.py::test_a_file_that_others_may_read_is_refused",
    ),
    "an old copy of a hospital masks again": (
        f"{MINE}::test_an_old_copy_repeats_its_answer_to_the_byte",
        f"{MINE}::test_what_a_hospital_forgot_cannot_stop_it",
        "site_node/test_heads.py::test_an_older_copy_stops_before_it_answers_anything",
        "federation/crash/test_storage.py::test_an_old_copy_of_a_hospital_answers_nothing",
        "site_node/test_resume.py"
        "::test_an_older_ledger_beside_younger_keys_is_refused_at_the_start",
        "federation/crash/test_storage.py::test_two_on_one_folder_or_journal",
    ),
    "false input by a hospital": (
        "protocol/secagg/test_total.py"
        "::test_a_bit_flipped_and_signed_by_a_lying_site_is_seen_in_the_lanes",
        "protocol/secagg/test_total.py::test_a_lie_within_the_bounds_is_not_seen",
        f"{TABLE}::test_a_hospital_that_counts_other_patients_later",
        f"{TABLE}::test_a_hospital_that_changes_or_hides_its_share_is_named_by_all",
        "protocol/secagg/test_encoding.py::test_what_is_no_double_is_refused",
    ),
    "another coin by aborting": (f"{NODE}::test_one_study_has_one_coin",),
    "a false sum is published": (
        f"{NODE}::test_a_false_sum_is_refused",
        f"{TABLE}::test_a_changed_upload",
        f"{TABLE}::test_one_upload_twice",
        "coordinator/bundle/test_verify.py::test_a_false_total",
        "coordinator/bundle/test_recompute.py::test_a_changed_number_is_named",
    ),
    "bytes that become code, or a path": (
        "protocol/test_purity.py::test_nothing_received_becomes_code",
        "federation/hostile/test_no_code.py::test_a_node_runs_nothing_that_it_receives",
        "coordinator/bundle/test_zipped.py::test_strange_names",
        "coordinator/bundle/test_zipped.py::test_links_and_folders",
        "fuzz/test_readers.py::test_bent_bytes",
    ),
    "messages too large": (
        f"{NODE}::test_a_message_beyond_the_limit_is_refused",
        f"{MINE}::test_a_message_too_large_is_not_even_read",
        f"{TABLE}::test_a_trip_that_is_too_large_is_neither_asked_nor_answered",
        "protocol/wire/test_frames.py::test_no_sequence_of_chunks_holds_more_than_the_limit",
        "coordinator/carriers/test_door.py::test_little_is_taken_before_a_login",
        "coordinator/bundle/test_zipped.py::test_packed_members_are_no_bomb",
        "fuzz/test_readers.py::test_large_traps",
    ),
    "two editions subtracted by a reader": (
        "protocol/results/publication/test_publication.py"
        "::test_an_earlier_edition_is_not_to_be_subtracted",
        "protocol/results/publication/test_publication.py"
        "::test_nothing_hidden_follows_by_subtraction",
    ),
    "an insider edits the ledger": (
        "site_node/test_ledger.py::test_lines_neither_change_nor_go",
        "site_node/test_ledger.py::test_the_first_line_that_was_changed_is_named",
        "site_node/test_ledger.py::test_an_older_copy_is_told",
        "site_node/test_ledger.py::test_a_ledger_that_went_another_way_is_told",
    ),
    "another wheel than the one that was locked": (
        "deploy/test_container.py::test_the_image_is_built_by_hash_and_runs_as_nobody_special",
    ),
    "a signature of one kind shown as another": (
        "federation/hostile/test_tags.py::test_no_two_kinds_of_message_share_a_tag",
    ),
    "any order of honest and hostile moves": (
        "site_node/test_any_order.py::test_a_node_says_what_it_said_or_refuses_by_name",
        f"{MOVES}::test_whatever_is_sent_a_node_answers_a_trip_once",
    ),
}
"""From an attack to the tests that mount it, as `file::test` under `tests/`."""


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_tests_of_an_attack_exist(attack: str) -> None:
    for place in ATTACKS[attack]:
        file, name = place.split("::")
        assert name in named_in(file), place


def test_every_test_of_these_files_is_in_the_table() -> None:
    """Else the table would tell less than is tested."""
    named = {place for places in ATTACKS.values() for place in places}
    ours = {f"{MINE}::{name}" for name in named_in(MINE) if name.startswith("test_")}
    assert ours <= named
