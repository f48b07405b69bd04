<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What was already written, by the caller's ref. A ref is claimed before the work and answered after it. */
final class Refs {
	/** @var Db */
	private $db;

	public function __construct(Db $db) {
		$this->db = $db;
	}

	/** @return array{done: bool, mark: int, answer: array}|null null when the ref is new */
	public function find(string $kind, string $ref) {
		$row = $this->db->row('SELECT done, mark, answer FROM {oms_ref} WHERE kind = :kind AND ref = :ref', ['kind' => $kind, 'ref' => $ref]);

		return $row ? ['done' => (bool)$row['done'], 'mark' => (int)$row['mark'], 'answer' => (array)json_decode((string)$row['answer'], true)] : null;
	}

	/** @param int $mark where the shop's own table stood before the work, to find out later whether broken-off work was done */
	public function claim(string $kind, string $ref, int $subjectId, int $mark) {
		$this->db->insert('oms_ref', ['kind' => $kind, 'ref' => $ref, 'subject_id' => $subjectId, 'mark' => $mark, 'done' => 0, 'answer' => '', 'created_at' => time()]);
	}

	public function answer(string $kind, string $ref, int $subjectId, array $answer) {
		$this->db->run('UPDATE {oms_ref} SET answer = :answer, subject_id = :subject, done = 1 WHERE kind = :kind AND ref = :ref', ['answer' => json_encode($answer), 'subject' => $subjectId, 'kind' => $kind, 'ref' => $ref]);
	}

	public function release(string $kind, string $ref) {
		$this->db->run('DELETE FROM {oms_ref} WHERE kind = :kind AND ref = :ref AND done = 0', ['kind' => $kind, 'ref' => $ref]);
	}

	/** Newest answered ref per subject. */
	public function last(string $kind, array $subjectIds): array {
		if (!$subjectIds) {
			return [];
		}

		return array_column($this->db->rows(
			'SELECT subject_id, ref FROM {oms_ref} WHERE ref_id IN (SELECT MAX(r.ref_id) FROM {oms_ref} r WHERE r.kind = :kind AND r.done = 1 AND r.subject_id IN (:ids) GROUP BY r.subject_id)',
			['kind' => $kind, 'ids' => $subjectIds]
		), 'ref', 'subject_id');
	}

	/** Refs of one subject: order_history_id => ref. */
	public function histories(int $orderId): array {
		$found = [];

		foreach ($this->db->rows("SELECT ref, answer FROM {oms_ref} WHERE kind = 'history' AND subject_id = :id AND done = 1", ['id' => $orderId]) as $row) {
			$answer = (array)json_decode($row['answer'], true);
			$found[(int)($answer['order_history_id'] ?? 0)] = $row['ref'];
		}

		return $found;
	}
}
