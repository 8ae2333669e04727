/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "mutation GenerateKey($input: GenerateDataImportKeyInput!) {\n  generateDataImportKey(input: $input) {\n    ... on GenerateDataImportKeySuccess {\n      secret\n      key {\n        id\n        partner\n        name\n        prefix\n        state\n      }\n    }\n    ... on Error {\n      code\n      message\n      path\n    }\n  }\n}": typeof types.GenerateKeyDocument,
};
const documents: Documents = {
    "mutation GenerateKey($input: GenerateDataImportKeyInput!) {\n  generateDataImportKey(input: $input) {\n    ... on GenerateDataImportKeySuccess {\n      secret\n      key {\n        id\n        partner\n        name\n        prefix\n        state\n      }\n    }\n    ... on Error {\n      code\n      message\n      path\n    }\n  }\n}": types.GenerateKeyDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation GenerateKey($input: GenerateDataImportKeyInput!) {\n  generateDataImportKey(input: $input) {\n    ... on GenerateDataImportKeySuccess {\n      secret\n      key {\n        id\n        partner\n        name\n        prefix\n        state\n      }\n    }\n    ... on Error {\n      code\n      message\n      path\n    }\n  }\n}"): typeof import('./graphql.ts').GenerateKeyDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
