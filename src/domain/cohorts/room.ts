import type { Db } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { type CohortChanges, countIdentifiers } from './change.ts';

export interface Load {
  readonly requests: number;
  readonly identifiers: number;
}

export interface RoomLimits {
  /** The most that may be in hand at once, of all lanes together. */
  readonly all: Load;
  /** The most of one lane. */
  readonly lane: Load;
  /** The last quarter of the room is for lanes that have fewer requests than this in hand. */
  readonly quietLaneRequests: number;
}

/**
 * As much as PostgreSQL on a small machine does in the five seconds that a request has patience for: more would only wait to be refused
 * later. Amplitude sends four requests of a cohort at a time, so a lane that has fewer in hand is not the flood.
 */
const LIMITS: RoomLimits = {
  all: { requests: 2_048, identifiers: 500_000 },
  lane: { requests: 256, identifiers: 250_000 },
  quietLaneRequests: 4,
};

/**
 * How much work one process takes on at once for a database. Whatever comes beyond that is refused before anything is looked up for it,
 * instead of being kept in memory: its sender still has it, and comes again. A cohort that is flooded fills its own share only, and the
 * last of the room is kept for cohorts that have little in it.
 */
export class Room {
  readonly #limits: RoomLimits;
  readonly #lanes = new Map<string, Load>();
  #all: Load = { requests: 0, identifiers: 0 };

  constructor(limits: RoomLimits = LIMITS) {
    this.#limits = limits;
  }

  /** What is in hand now. */
  get load(): Load {
    return this.#all;
  }

  /** Does work that has so many identifiers in hand until it is done. Errors: OVERLOADED. */
  async hold<T>(lane: string, identifiers: number, work: () => Promise<T>): Promise<T> {
    const one = { requests: 1, identifiers };
    this.#check(lane, one);
    this.#change(lane, one, 1);
    try {
      return await work();
    } finally {
      this.#change(lane, one, -1);
    }
  }

  #check(lane: string, one: Load): void {
    const { all, lane: own, quietLaneRequests } = this.#limits;
    const inLane = this.#lanes.get(lane) ?? { requests: 0, identifiers: 0 };
    const share = inLane.requests < quietLaneRequests ? 1 : 3 / 4;
    if (fits(this.#all, one, all, share) && fits(inLane, one, own, 1)) return;
    throw fail(
      'OVERLOADED',
      'More requests wait than may. Nothing was applied: send the same request again after a moment.',
      {
        retryAfterSeconds: 1,
      },
    );
  }

  #change(lane: string, one: Load, sign: 1 | -1): void {
    this.#all = sum(this.#all, one, sign);
    const inLane = sum(this.#lanes.get(lane) ?? { requests: 0, identifiers: 0 }, one, sign);
    if (inLane.requests === 0) this.#lanes.delete(lane);
    else this.#lanes.set(lane, inLane);
  }
}

/** The first request always fits, however large: it would never fit later. */
function fits(inHand: Load, one: Load, most: Load, share: number): boolean {
  if (inHand.requests === 0) return true;
  return (
    inHand.requests + one.requests <= most.requests * share &&
    inHand.identifiers + one.identifiers <= most.identifiers * share
  );
}

function sum(a: Load, b: Load, sign: 1 | -1): Load {
  return { requests: a.requests + sign * b.requests, identifiers: a.identifiers + sign * b.identifiers };
}

const rooms = new WeakMap<object, Room>();

/** The room of a database. */
export function roomOf(db: Db): Room {
  const room = rooms.get(db) ?? new Room();
  rooms.set(db, room);
  return room;
}

/** Does the work of a request if there is room for it. Inside a transaction of the caller there always is: it is the caller's memory. */
export async function inRoom<T>(ctx: Ctx, command: CohortChanges, work: () => Promise<T>): Promise<T> {
  if (ctx.inTransaction) return work();
  return roomOf(ctx.db).hold(laneOf(ctx, command), countIdentifiers(command.changes), work);
}

/** The cohort that a request is about, whether it exists or not. */
export function laneOf(ctx: Ctx, command: CohortChanges): string {
  return JSON.stringify([ctx.workspaceId, command.partner, command.partnerCohortId]);
}
