{{ config(materialized='view') }}

with edges as (

    select * from {{ ref('stg_lineage_edges') }}

),

continuations as (

    select distinct
        repo_id,
        child_id,
        parent_id
    from edges
    where
        edge_type in ('modified_from', 'renamed_from', 'moved_from', 'merged_from', 'derived_from')
        and not is_other_element

)

select * from continuations
