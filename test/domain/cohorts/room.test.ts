import { describe, expect, test } from 'vitest';
import { Room } from '../../../src/domain/cohorts/room.ts';

const LIMITS = {
  all: { requests: 20, identifiers: 20_000 },
  lane: { requests: 12, identifiers: 8_000 },
  quietLaneRequests: 2,
};

/** A room that remembers what is in hand until told to let go. */
function filled() {
  const room = new Room(LIMITS);
  const gates: (() => void)[] = [];
  const hold = (lane: string, identifiers = 1) =>
    room.hold(lane, identifiers, () => new Promise<void>((open) => gates.push(open)));
  return {
    room,
    hold,
    /** Fills a lane with so many requests. */
    fill: (lane: string, requests: number, identifiers = 1) => {
      for (let i = 0; i < requests; i++) void hold(lane, identifiers);
    },
    letGo: async () => {
      for (const open of gates.splice(0)) open();
      await new Promise((wake) => setImmediate(wake));
    },
  };
}

const OVERLOADED = { code: 'OVERLOADED', retryAfterSeconds: 1 };

describe('a room', () => {
  test('answers what the work answers, fails as it fails, and is empty afterwards', async () => {
    const room = new Room(LIMITS);
    expect(await room.hold('a', 5, async () => room.load)).toEqual({ requests: 1, identifiers: 5 });
    await expect(room.hold('a', 5, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(room.load).toEqual({ requests: 0, identifiers: 0 });
  });

  test('refuses at once what comes beyond, without beginning it, and takes it once there is room', async () => {
    const { room, fill, letGo } = filled();
    fill('a', 12);
    let began = false;
    const late = room.hold('a', 1, async () => {
      began = true;
    });
    await expect(late).rejects.toMatchObject(OVERLOADED);
    expect([began, room.load.requests]).toEqual([false, 12]);
    await letGo();
    expect(await room.hold('a', 1, async () => 'done')).toBe('done');
  });

  test('counts identifiers as well as requests', async () => {
    const { hold, fill } = filled();
    fill('a', 2, 4_000);
    await expect(hold('a', 1)).rejects.toMatchObject(OVERLOADED);
    fill('b', 2, 4_000);
    await expect(hold('c', 4_001)).rejects.toMatchObject(OVERLOADED);
    fill('c', 1, 4_000);
  });

  test('takes one request of any size when it is empty: it would never fit otherwise', async () => {
    const { room, fill } = filled();
    fill('a', 1, 1_000_000);
    expect(room.load.requests).toBe(1);
  });

  test('keeps a flooded cohort to its share, and others come in past it', async () => {
    const { hold, fill, room } = filled();
    fill('flood', 12);
    await expect(hold('flood')).rejects.toMatchObject(OVERLOADED);
    fill('other', 3);
    expect(room.load.requests).toBe(15);
  });

  test('keeps the last quarter for cohorts that have little in hand, however many flood', async () => {
    const { hold, fill, room } = filled();
    fill('flood', 12);
    fill('another flood', 3);
    await expect(hold('another flood')).rejects.toMatchObject(OVERLOADED);
    fill('quiet', 2);
    fill('as quiet', 2);
    expect(room.load.requests).toBe(19);
    await expect(hold('quiet')).rejects.toMatchObject(OVERLOADED);
    fill('last', 1);
    await expect(hold('too late')).rejects.toMatchObject(OVERLOADED);
  });
});
