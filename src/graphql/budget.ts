import type { Budget, BudgetStatus } from '../domain/usage/budget.ts';
import type { OverBudget } from '../domain/workspaces/workspaces.ts';
import { builder } from './builder.ts';
import { WorkspaceRef } from './refs.ts';

export const OverBudgetEnum = builder.enumType('OverBudget', {
  description: 'What a month over its budget does to further requests.',
  values: {
    WARN: { description: 'They are applied, and operators are warned.' },
    REFUSE: { description: 'They are refused with BUDGET_EXCEEDED until the next UTC month.' },
  } as const satisfies { readonly [O in OverBudget]: object },
});

const BudgetStatusEnum = builder.enumType('BudgetStatus', {
  description: 'How much of the budget is used.',
  values: {
    NONE: { description: 'There is no budget.' },
    WITHIN: { description: 'Less than 80 %.' },
    NEAR: { description: '80 % or more.' },
    OVER: { description: 'All of it, or more.' },
  } as const satisfies { readonly [S in BudgetStatus]: object },
});

const BudgetRef = builder.objectRef<Budget>('Budget').implement({
  description: 'How the workspace stands with its budget in the UTC month under way.',
  fields: (t) => ({
    month: t.exposeString('month', { description: 'The month, as `2026-02`.' }),
    monthlyBudget: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'Data points a month may cost; null: no budget.',
      resolve: (budget) => budget.monthlyBudget,
    }),
    overBudget: t.field({
      type: OverBudgetEnum,
      description: 'What happens beyond it.',
      resolve: (budget) => budget.overBudget,
    }),
    used: t.field({
      type: 'SafeInt',
      description: 'Data points written in the month so far.',
      resolve: (budget) => budget.used,
    }),
    share: t.exposeFloat('share', {
      nullable: true,
      description: '`used` of `monthlyBudget`, 1 where all of it is used; null without a budget.',
    }),
    status: t.field({
      type: BudgetStatusEnum,
      description: 'How much of it is used.',
      resolve: (budget) => budget.status,
    }),
    projected: t.field({
      type: 'SafeInt',
      description: 'What the month comes to if it goes on as it has begun; its first day counts as a whole one.',
      resolve: (budget) => budget.projected,
    }),
    reasoning: t.exposeString('reasoning', { description: 'Why it is so, for people.' }),
  }),
});

builder.objectField(WorkspaceRef, 'budget', (t) =>
  t.field({
    type: BudgetRef,
    authScopes: { scope: 'cohorts:read' },
    description: 'How it stands with its budget this month.',
    resolve: (_, __, { domain }) => domain.usage.getBudget(),
  }),
);
