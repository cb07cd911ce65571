with edges as (

    select * from {{ ref('stg_lineage_edges') }}
    where edge_type in ('copied_from', 'forked_from')

),

readings as (

    select
        edge_id,
        edge_type,
        child_id as copy_id,
        parent_id as source_id,
        child_category as copy_category,
        parent_category as source_category,
        matched_by,
        direction,
        n_candidates,
        weight,
        confidence,
        false as is_reversed
    from edges

    union all

    -- where nothing tells which was first, the other one may have been
    select
        edge_id,
        edge_type,
        parent_id as copy_id,
        child_id as source_id,
        parent_category as copy_category,
        child_category as source_category,
        matched_by,
        direction,
        n_candidates,
        weight,
        confidence,
        true as is_reversed
    from edges
    where direction = 'undecided'

)

select * from readings
